// Package reporting holds the cases of the ETS's information-reporting group, 6.4: one file per case.
// A case is a table; it knows no sockets, no codecs and no Ginkgo.
package reporting
