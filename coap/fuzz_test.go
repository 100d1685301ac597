package coap

import (
	"bytes"
	"testing"
)

func seed(f *testing.F, file string) {
	for _, v := range readVectors[vector](f, file) {
		f.Add(unhex(f, v.Hex))
	}
}

// whole checks what holds of every view: it has all bytes, its findings lie within them, and what could
// not be read is the end.
func whole(t *testing.T, in []byte, v View) {
	t.Helper()
	if !bytes.Equal(v.Raw, in) || !bytes.HasSuffix(in, v.Rest) {
		t.Fatalf("bytes went lost: Raw %x, Rest %x", v.Raw, v.Rest)
	}
	if len(v.Rest) > 0 && !v.Malformed() {
		t.Fatalf("%x could not be read, but the message counts as well-formed", v.Rest)
	}
	for _, f := range v.Findings {
		if f.Offset < 0 || f.Offset > len(in) {
			t.Fatalf("finding beyond the message: %+v", f)
		}
	}
	_ = v.String()
}

func FuzzDecode(f *testing.F) {
	seed(f, "udp.json")
	f.Fuzz(func(t *testing.T, in []byte) {
		v := Decode(in)
		whole(t, in, v)
		if v.Malformed() {
			return
		}
		out, err := Encode(v.Message)
		if err != nil || !bytes.Equal(out, in) {
			t.Fatalf("%x reads as %v and is written %x, %v", in, v.Message, out, err)
		}
	})
}

func FuzzDecodeTCP(f *testing.F) {
	seed(f, "tcp.json")
	f.Fuzz(func(t *testing.T, in []byte) {
		v := DecodeTCP(in)
		whole(t, in, v)
		read, err := ReadTCP(bytes.NewReader(in), 1<<20)
		if err == nil && !bytes.HasPrefix(in, read.Raw) {
			t.Fatalf("read %x from %x", read.Raw, in)
		}
		if v.Malformed() {
			return
		}
		if err != nil || !bytes.Equal(read.Raw, in) {
			t.Fatalf("the stream gives %x, %v", read.Raw, err)
		}
		out, err := EncodeTCP(v.Message)
		if err != nil || !bytes.Equal(out, in) {
			t.Fatalf("%x reads as %v and is written %x, %v", in, v.Message, out, err)
		}
	})
}

func FuzzParseURI(f *testing.F) {
	for _, v := range readVectors[uriVector](f, "uri.json") {
		f.Add(v.URI)
	}
	f.Fuzz(func(t *testing.T, in string) {
		u, err := ParseURI(in)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q is written %s, which reads as %s, %v", in, u, again, err)
		}
	})
}
