// Package bootstrap holds the cases of the ETS's bootstrap group, 6.1: one file per case. A case is a
// table; it knows no sockets, no codecs and no Ginkgo.
package bootstrap
