package exchange

import (
	"hash/maphash"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
)

// The bounds of what is remembered for a peer that floods; the oldest goes first.
const (
	rememberedMessages = 4096
	rememberedBytes    = 1 << 20 // of replies
)

// memory tells repeated messages of the peer from new ones and keeps what they were answered (RFC 7252
// section 4.5). Two messages are the same when message ID and bytes are: a device that was restarted
// begins with the message ID it had, and that is no repetition.
type memory struct {
	seed    maphash.Seed
	entries map[uint16]*remembered
	oldest  []*remembered // in the order of their coming; those that were replaced are still in it
	bytes   int
}

type remembered struct {
	messageID uint16
	hash      uint64
	expires   time.Time
	reply     []byte // nil while there is none
	gone      bool
}

func newMemory() *memory {
	return &memory{seed: maphash.MakeSeed(), entries: map[uint16]*remembered{}}
}

// seen looks a message up and remembers it when it is new.
func (m *memory) seen(v coap.View, lifetime time.Duration) (r *remembered, again bool) {
	now, h := time.Now(), maphash.Bytes(m.seed, v.Raw)
	for len(m.oldest) > 0 && (m.oldest[0].gone || !now.Before(m.oldest[0].expires) || len(m.oldest) >= rememberedMessages) {
		m.drop()
	}
	if r := m.entries[v.MessageID]; r != nil {
		if r.hash == h && now.Before(r.expires) {
			return r, true
		}
		m.forget(r)
	}
	r = &remembered{messageID: v.MessageID, hash: h, expires: now.Add(lifetime)}
	m.entries[v.MessageID] = r
	m.oldest = append(m.oldest, r)
	return r, false
}

// answered keeps the reply to a message, unless it has been forgotten meanwhile.
func (m *memory) answered(r *remembered, reply []byte) {
	if r == nil || r.gone {
		return
	}
	m.bytes += len(reply) - len(r.reply)
	r.reply = reply
	for m.bytes > rememberedBytes && len(m.oldest) > 1 {
		m.drop()
	}
}

// drop forgets the oldest.
func (m *memory) drop() {
	m.forget(m.oldest[0])
	m.oldest[0] = nil
	m.oldest = m.oldest[1:]
}

func (m *memory) forget(r *remembered) {
	if r.gone {
		return
	}
	r.gone = true
	m.bytes -= len(r.reply)
	delete(m.entries, r.messageID)
}

// clear forgets everything.
func (m *memory) clear() { *m = *newMemory() }
