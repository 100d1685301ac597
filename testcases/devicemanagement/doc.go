// Package devicemanagement holds the cases of the ETS's device-management group, 6.3: one file per
// case. A case is a table; it knows no sockets, no codecs and no Ginkgo.
package devicemanagement
