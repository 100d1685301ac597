// Package registration holds the cases of the ETS's registration group, 6.2: one file per case. A case
// is a table; it knows no sockets, no codecs and no Ginkgo.
package registration
