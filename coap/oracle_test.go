package coap

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	tcpcoder "github.com/plgd-dev/go-coap/v3/tcp/coder"
	udpcoder "github.com/plgd-dev/go-coap/v3/udp/coder"
)

// randomMessage makes a well-formed message with lengths around every step of the encoding.
func randomMessage(r *rand.Rand) Message {
	lengths := []int{0, 1, 12, 13, 14, 255, 268, 269, 270, 600}
	fill := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	codes := []Code{GET, POST, FETCH, IPATCH, Created, Content, Continue, BadRequest, InternalServerError}
	m := Message{Type: Type(r.IntN(2)), Code: codes[r.IntN(len(codes))], MessageID: uint16(r.Uint32()), Token: fill(r.IntN(9))}
	for range r.IntN(6) {
		// Numbers the registry does not have, far apart and close together; go-coap drops known
		// options whose length it does not like.
		m.Add(OptionNumber(2000+r.IntN(3)*r.IntN(20000)), fill(lengths[r.IntN(len(lengths))]))
	}
	m.AddStrings(URIPath, "3", "0")
	if r.IntN(2) == 0 {
		m.Payload = fill(1 + lengths[r.IntN(len(lengths))])
	}
	return m
}

func theirs(m Message) message.Message {
	out := message.Message{Token: m.Token, Payload: m.Payload, Code: codes.Code(m.Code), MessageID: int32(m.MessageID), Type: message.Type(m.Type)}
	for _, o := range m.Options {
		out.Options = append(out.Options, message.Option{ID: message.OptionID(o.Number), Value: o.Value})
	}
	return out
}

func ours(m message.Message) Message {
	out := Message{Token: m.Token, Payload: m.Payload, Code: Code(m.Code), MessageID: uint16(m.MessageID), Type: Type(m.Type)}
	for _, o := range m.Options {
		out.Options = append(out.Options, Option{OptionNumber(o.ID), o.Value})
	}
	return out
}

// go-coap's codecs have nothing in common with this one, so agreement means something. They are asked
// about well-formed messages only; of others they lose parts.
func TestAgainstGoCoAP(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 1<<16)
	for range 2000 {
		m := randomMessage(r)
		mine, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := udpcoder.DefaultCoder.Encode(theirs(m), buf)
		if err != nil || !bytes.Equal(mine, buf[:n]) {
			t.Fatalf("%v\nours   %x\ntheirs %x, %v", m, mine, buf[:max(n, 0)], err)
		}
		back := message.Message{Options: make(message.Options, 0, 32)}
		if _, err := udpcoder.DefaultCoder.Decode(mine, &back); err != nil || !sameMessage(ours(back), m) {
			t.Fatalf("go-coap reads %v, %v instead of %v", ours(back), err, m)
		}
		if v := Decode(mine); !sameMessage(v.Message, m) || v.Malformed() {
			t.Fatalf("read %v, %v instead of %v", v.Message, v.Findings, m)
		}
	}
}

func TestAgainstGoCoAPOverTCP(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	buf := make([]byte, 1<<16)
	for range 2000 {
		m := randomMessage(r)
		m.Type, m.MessageID = 0, 0
		mine, err := EncodeTCP(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := tcpcoder.DefaultCoder.Encode(theirs(m), buf)
		if err != nil || !bytes.Equal(mine, buf[:n]) {
			t.Fatalf("%v\nours   %x\ntheirs %x, %v", m, mine, buf[:max(n, 0)], err)
		}
		back := message.Message{Options: make(message.Options, 0, 32)}
		if _, err := tcpcoder.DefaultCoder.Decode(mine, &back); err != nil || !sameMessage(ours(back), m) {
			t.Fatalf("go-coap reads %v, %v instead of %v", ours(back), err, m)
		}
		if v := DecodeTCP(mine); !sameMessage(v.Message, m) || v.Malformed() {
			t.Fatalf("read %v, %v instead of %v", v.Message, v.Findings, m)
		}
	}
}
