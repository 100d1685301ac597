// Package pcapng writes a trace as a capture file that Wireshark decodes as it stands: what passed in
// clear, also inside DTLS, as CoAP on port 5683, the handshakes as DTLS on port 5684, each datagram as
// one frame whose number is that of the message. Where a frame departs from what was on the wire, its
// comment has the real thing. The format is that of draft-ietf-opsawg-pcapng.
package pcapng

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// What of the format is used.
const (
	sectionHeaderBlock  = 0x0a0d0d0a
	interfaceBlock      = 1
	enhancedPacketBlock = 6
	byteOrderMagic      = 0x1a2b3c4d
	linkTypeRaw         = 101 // IPv4 or IPv6, as the first byte says

	optionEnd         = 0
	optionComment     = 1
	optionName        = 2 // of the interface
	optionApplication = 4 // that wrote the section
	optionResolution  = 9
	nanoseconds       = 9 // the negative power of ten
)

const maxComment = 8192 // bytes of one comment

// Writer writes packets into one section with one interface.
type Writer struct {
	w io.Writer
}

// NewWriter begins a capture file.
func NewWriter(w io.Writer) (*Writer, error) {
	header := binary.LittleEndian.AppendUint32(nil, byteOrderMagic)
	header = binary.LittleEndian.AppendUint16(header, 1) // major version
	header = binary.LittleEndian.AppendUint16(header, 0)
	header = binary.LittleEndian.AppendUint64(header, 1<<64-1) // the length of the section is not known
	header = appendOption(header, optionApplication, []byte("lwm2mspec"))
	header = appendOption(header, optionEnd, nil)

	iface := binary.LittleEndian.AppendUint16(nil, linkTypeRaw)
	iface = append(iface, 0, 0)
	iface = binary.LittleEndian.AppendUint32(iface, 0) // packets are not cut
	iface = appendOption(iface, optionName, []byte("lwm2mspec"))
	iface = appendOption(iface, optionResolution, []byte{nanoseconds})
	iface = appendOption(iface, optionEnd, nil)

	if _, err := w.Write(append(block(sectionHeaderBlock, header), block(interfaceBlock, iface)...)); err != nil {
		return nil, fmt.Errorf("writing the capture: %w", err)
	}
	return &Writer{w}, nil
}

// Packet appends one packet, which begins with its IP header. comment may be empty.
func (w *Writer) Packet(at time.Time, packet []byte, comment string) error {
	ns := uint64(at.UnixNano())
	body := binary.LittleEndian.AppendUint32(nil, 0) // the interface
	body = binary.LittleEndian.AppendUint32(body, uint32(ns>>32))
	body = binary.LittleEndian.AppendUint32(body, uint32(ns))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(packet)))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(packet)))
	body = pad(append(body, packet...))
	if comment != "" {
		body = appendOption(body, optionComment, []byte(cut(comment)))
		body = appendOption(body, optionEnd, nil)
	}
	if _, err := w.w.Write(block(enhancedPacketBlock, body)); err != nil {
		return fmt.Errorf("writing the capture: %w", err)
	}
	return nil
}

// block frames a body with its type and its length on both ends.
func block(kind uint32, body []byte) []byte {
	n := uint32(len(body) + 12)
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, n), kind)
	b = binary.LittleEndian.AppendUint32(b, n)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, n)
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// pad fills up to a multiple of four bytes.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// cut shortens a comment at the end of a character.
func cut(s string) string {
	if len(s) <= maxComment {
		return s
	}
	s = s[:maxComment]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
