package coap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong says that a message on a stream is longer than the bound the reader was given.
var ErrTooLong = errors.New("the message is longer than allowed")

// maxFrameHeader is the longest header of a message over TCP: a byte, four of length, the code.
const maxFrameHeader = 6

// EncodeTCP writes the message for a reliable transport (RFC 8323 section 3.2), which has neither type
// nor message ID. The errors are those of Encode.
func EncodeTCP(m Message) ([]byte, error) {
	if err := encodable(m); err != nil {
		return nil, err
	}
	return Conformant(m).EncodeTCP(), nil
}

// EncodeTCP writes the message for a reliable transport, with the faults it has; Length may lie.
func (w Wild) EncodeTCP() []byte {
	content := w.appendContent(nil)
	length := uint32(len(content) - len(w.Trailing)) // what trails belongs to no message
	if w.Length != nil {
		length = *w.Length
	}
	nibble, extension := frameLength(length)
	b := make([]byte, 0, maxFrameHeader+len(w.Token)+len(content))
	b = append(b, nibble<<4|uint8(w.TokenLength&15))
	b = append(b, extension...)
	b = append(b, byte(w.Code))
	b = append(b, w.Token...)
	return append(b, content...)
}

func frameLength(n uint32) (byte, []byte) {
	switch {
	case n < 13:
		return byte(n), nil
	case n < 269:
		return 13, []byte{byte(n - 13)}
	case n < 65805:
		return 14, binary.BigEndian.AppendUint16(nil, uint16(n-269))
	}
	return 15, binary.BigEndian.AppendUint32(nil, n-65805)
}

// frame is the header of a message over TCP as far as it frames it.
type frame struct {
	header int    // bytes before the token
	token  int    // TKL, 0 to 15
	length uint64 // of options, marker and payload
}

func (f frame) size() uint64 { return uint64(f.header) + uint64(f.token) + f.length }

// parseFrame reads the header; ok is false while bytes of it are missing.
func parseFrame(b []byte) (f frame, ok bool) {
	if len(b) == 0 {
		return frame{}, false
	}
	f.token = int(b[0] & 15)
	extension := [...]int{13: 1, 14: 2, 15: 4}[b[0]>>4]
	f.header = 1 + extension + 1
	if len(b) < f.header {
		return frame{}, false
	}
	switch extension {
	case 0:
		f.length = uint64(b[0] >> 4)
	case 1:
		f.length = uint64(b[1]) + 13
	case 2:
		f.length = uint64(binary.BigEndian.Uint16(b[1:])) + 269
	case 4:
		f.length = uint64(binary.BigEndian.Uint32(b[1:])) + 65805
	}
	return f, true
}

// DecodeTCP reads one message as it stood on a stream (RFC 8323 section 3.2). Like Decode it never
// fails, loses nothing and copies its input; that the bytes are fewer or more than the length field
// says is a finding, and what is beyond it is Rest. Type and MessageID stay zero, Version is 1.
func DecodeTCP(message []byte) View {
	raw := bytes.Clone(message)
	d := decoder{raw: raw, v: View{Raw: raw, Version: 1}, tcp: true}
	f, ok := parseFrame(raw)
	if !ok {
		d.note(RuleHeader, LevelMust, 0, "the header is cut off after %d bytes (RFC 8323 section 3.2)", len(raw))
		d.stop(0)
		return d.v
	}
	if have := uint64(len(raw)); have != f.size() {
		d.note(RuleFrameLength, LevelMust, 0, "the header announces a message of %d bytes, there are %d (RFC 8323 section 3.2)", f.size(), have)
		d.raw = raw[:min(have, f.size())]
	}
	d.v.Code = Code(raw[f.header-1])
	d.pos = f.header
	if d.token(f.token) {
		d.body()
	}
	d.v.Rest = raw[len(d.raw)-len(d.v.Rest):]
	if k := d.v.Code.Class(); k == 1 || k == 3 || k == 6 {
		d.note(RuleCodeClass, LevelMust, f.header-1, "code %s is of a reserved class (RFC 7252 section 3)", d.v.Code.Dotted())
	}
	return d.v
}

// ReadTCP reads the next message from a stream, of at most limit bytes in all; more is ErrTooLong, and
// nothing can be read behind it. The end of the stream between messages is io.EOF, within one
// io.ErrUnexpectedEOF. With every error but io.EOF the view holds what came. Memory grows with what
// arrives, not with what is announced. Use a buffered reader.
func ReadTCP(r io.Reader, limit int) (View, error) {
	var b bytes.Buffer
	var f frame
	for ok := false; !ok; f, ok = parseFrame(b.Bytes()) {
		if _, err := io.CopyN(&b, r, 1); err != nil {
			return cut(&b, err)
		}
	}
	if limit < 0 || f.size() > uint64(limit) {
		return DecodeTCP(b.Bytes()), fmt.Errorf("the peer announces a message of %d bytes, %d are allowed: %w", f.size(), limit, ErrTooLong)
	}
	if _, err := io.CopyN(&b, r, int64(f.size())-int64(b.Len())); err != nil {
		return cut(&b, err)
	}
	return DecodeTCP(b.Bytes()), nil
}

// cut is a message the stream ended in.
func cut(b *bytes.Buffer, err error) (View, error) {
	if b.Len() == 0 {
		return View{}, err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return DecodeTCP(b.Bytes()), err
}
