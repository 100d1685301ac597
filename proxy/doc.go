// Package proxy is the man in the middle: what stands between two LwM2M endpoints, sees every byte and
// may change it. Its parts are libraries: link cuts datagram flows out of sockets, trace numbers and
// correlates what passes, pcapng writes it for Wireshark. No LwM2M meaning and no verdict lives here.
package proxy
