// Package security holds the cases of the ETS's security group, 6.5: one file per case. A case is a
// table; it knows no sockets, no codecs and no Ginkgo.
package security
