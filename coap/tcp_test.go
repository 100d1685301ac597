package coap

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestReadTCP(t *testing.T) {
	var stream bytes.Buffer
	var want []vector
	for _, v := range readVectors[vector](t, "tcp.json") {
		b := unhex(t, v.Hex)
		if f, ok := parseFrame(b); ok && f.size() == uint64(len(b)) {
			stream.Write(b)
			want = append(want, v)
		}
	}
	r := iotest.OneByteReader(&stream)
	for _, v := range want {
		got, err := ReadTCP(r, 4096)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		checkVector(t, v, got)
	}
	if _, err := ReadTCP(r, 4096); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestReadTCPBounds(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		limit     int
		is        error
	}{
		{"cut in the header", "e000", 4096, io.ErrUnexpectedEOF},
		{"cut in the content", "20e121", 4096, io.ErrUnexpectedEOF},
		{"four gigabytes announced", "f0ffffffff01", 4096, ErrTooLong},
		{"one byte over the limit", "014542", 2, ErrTooLong},
		{"at the limit", "014542", 3, nil},
		{"a limit that allows nothing", "0000", -1, ErrTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := unhex(t, c.hex)
			v, err := ReadTCP(bytes.NewReader(in), c.limit)
			if !errors.Is(err, c.is) {
				t.Errorf("the error is %v", err)
			}
			if !bytes.HasPrefix(in, v.Raw) || len(v.Raw) == 0 {
				t.Errorf("the view holds %x", v.Raw)
			}
		})
	}
	broken := errors.New("broken")
	if _, err := ReadTCP(iotest.ErrReader(broken), 10); !errors.Is(err, broken) {
		t.Errorf("the reader's error became %v", err)
	}
}

func TestWildTCP(t *testing.T) {
	lie := uint32(70000)
	w := Conformant(Message{Code: GET})
	w.Length = &lie
	if v := DecodeTCP(w.EncodeTCP()); !v.Has(RuleFrameLength) || !v.Malformed() {
		t.Errorf("%x: %v", v.Raw, v.Findings)
	}
	big := Message{Code: PUT, Payload: make([]byte, 70000)}
	b, err := EncodeTCP(big)
	if err != nil {
		t.Fatal(err)
	}
	if v := DecodeTCP(b); len(v.Findings) > 0 || len(v.Payload) != 70000 {
		t.Errorf("%d bytes of payload, %v", len(v.Payload), v.Findings)
	}
}

func TestCapabilities(t *testing.T) {
	c := DefaultCapabilities
	if m := c.Message(); len(m.Options) != 0 || c.BERT() {
		t.Errorf("the defaults state %v", m)
	}
	c = Capabilities{MaxMessageSize: 70000, BlockWise: true}
	m := c.Message()
	if got := DefaultCapabilities.Update(m); got != c || !got.BERT() {
		t.Errorf("%v reads as %+v", m, got)
	}
	if got := c.Update(Message{Code: CSM}); got != c {
		t.Errorf("an empty CSM changed the capabilities to %+v", got)
	}
	want := "CON 7.01 CSM, message ID 0, token , Max-Message-Size 70000, Block-Wise-Transfer "
	if m.String() != want {
		t.Errorf("%q", m.String())
	}
}
