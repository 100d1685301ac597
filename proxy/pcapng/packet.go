package pcapng

import (
	"encoding/binary"
	"net/netip"
)

const (
	protocolUDP = 17
	hopLimit    = 64
	udpHeader   = 8
	ipv4Header  = 20
	maxUDP4     = 65535 - ipv4Header - udpHeader
	maxUDP6     = 65535 - udpHeader
)

// udpPacket puts a payload into UDP and IP, with checksums. The addresses are of one family; a payload
// that no packet holds is cut.
func udpPacket(from, to netip.AddrPort, payload []byte) []byte {
	four := from.Addr().Is4()
	limit := maxUDP6
	if four {
		limit = maxUDP4
	}
	payload = payload[:min(len(payload), limit)]

	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(udpHeader+len(payload)))
	udp = append(udp, 0, 0)
	udp = append(udp, payload...)
	// RFC 768: the pseudo header is part of the sum, and a sum of zero is written as all ones.
	sum := checksum(from.Addr().AsSlice(), to.Addr().AsSlice(), []byte{0, protocolUDP}, binary.BigEndian.AppendUint16(nil, uint16(len(udp))), udp)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	if four {
		return append(ipv4(from.Addr(), to.Addr(), len(udp)), udp...)
	}
	return append(ipv6(from.Addr(), to.Addr(), len(udp)), udp...)
}

func ipv4(from, to netip.Addr, n int) []byte {
	b := make([]byte, 12, ipv4Header+n)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Header+n))
	b[6] = 0x40 // don't fragment
	b[8], b[9] = hopLimit, protocolUDP
	b = append(b, from.AsSlice()...)
	b = append(b, to.AsSlice()...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return b
}

func ipv6(from, to netip.Addr, n int) []byte {
	b := make([]byte, 8, 40+n)
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6], b[7] = protocolUDP, hopLimit
	b = append(b, from.AsSlice()...)
	return append(b, to.AsSlice()...)
}

// checksum is the Internet checksum (RFC 1071) over parts of which only the last may have an odd length.
func checksum(parts ...[]byte) uint16 {
	var sum uint64
	for _, b := range parts {
		for ; len(b) >= 2; b = b[2:] {
			sum += uint64(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			sum += uint64(b[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
