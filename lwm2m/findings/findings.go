// Package findings collects what a decoder notes about a payload. It bounds the collection: hostile
// input may break a rule at every byte, and a report is to stay readable. What a finding means is with
// the decoder that makes it.
package findings

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// most is how many findings of one level are kept; one more says how many there are.
const most = 200

// List is the findings of one payload. The zero value is ready to use.
type List struct {
	Format string // what rule ids begin with, for example "senml"
	kept   []lwm2m.Finding
	must   count
	should count
}

// count is how many findings there are of a level, and where the first that is not kept stands.
type count struct {
	n, surplus int
}

// Note adds a finding of the rule at a byte of the payload.
func (l *List) Note(rule string, level lwm2m.RuleLevel, offset int, format string, args ...any) {
	c := &l.must
	if level != lwm2m.MUST {
		c = &l.should
	}
	c.n++
	if c.n > most {
		if c.n == most+1 {
			c.surplus = offset
		}
		return
	}
	l.kept = append(l.kept, lwm2m.Finding{Rule: l.Format + "." + rule, Level: level, Offset: offset, Text: fmt.Sprintf(format, args...)})
}

// Must notes a departure that breaks a MUST.
func (l *List) Must(rule string, offset int, format string, args ...any) {
	l.Note(rule, lwm2m.MUST, offset, format, args...)
}

// Should notes what is advised against or leaves room for another reading.
func (l *List) Should(rule string, offset int, format string, args ...any) {
	l.Note(rule, lwm2m.SHOULD, offset, format, args...)
}

// All gives the findings in the order they were made; of a level with more than 200 the rest is one
// finding, "<format>.more".
func (l *List) All() []lwm2m.Finding {
	out := l.must.more(l.kept[:len(l.kept):len(l.kept)], l.Format, lwm2m.MUST)
	return l.should.more(out, l.Format, lwm2m.SHOULD)
}

// ByOffset gives All in the order of the payload, for decoders that read it in another one.
func (l *List) ByOffset() []lwm2m.Finding {
	out := l.All()
	slices.SortStableFunc(out, func(a, b lwm2m.Finding) int { return a.Offset - b.Offset })
	return out
}

func (c count) more(fs []lwm2m.Finding, format string, level lwm2m.RuleLevel) []lwm2m.Finding {
	if c.n <= most {
		return fs
	}
	return append(fs, lwm2m.Finding{
		Rule: format + ".more", Level: level, Offset: c.surplus,
		Text: fmt.Sprintf("%d more departures from here on are not listed", c.n-most),
	})
}

// Clip shortens text of a payload for a finding; it cuts between characters.
func Clip(s string) string {
	const longest = 60
	if len(s) <= longest {
		return s
	}
	end := longest
	for end > longest-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
