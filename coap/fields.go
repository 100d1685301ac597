package coap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Add inserts an option behind those of lower or equal number, so that a message built by Add alone
// is in order. Options is replaced, not written into: copies of the message do not change.
func (m *Message) Add(n OptionNumber, value []byte) {
	i := len(m.Options)
	for i > 0 && m.Options[i-1].Number > n {
		i--
	}
	m.Options = slices.Concat(m.Options[:i], []Option{{n, value}}, m.Options[i:])
}

// AddUint adds an option with an unsigned integer value.
func (m *Message) AddUint(n OptionNumber, v uint64) { m.Add(n, EncodeUint(v)) }

// AddStrings adds one option per string.
func (m *Message) AddStrings(n OptionNumber, ss ...string) {
	for _, s := range ss {
		m.Add(n, []byte(s))
	}
}

// Set puts one option in the place of all that have its number.
func (m *Message) Set(n OptionNumber, value []byte) {
	m.Remove(n)
	m.Add(n, value)
}

// SetUint puts one option with an unsigned integer value in the place of all that have its number.
func (m *Message) SetUint(n OptionNumber, v uint64) { m.Set(n, EncodeUint(v)) }

// Remove takes out every option of the number. Options is replaced, not written into.
func (m *Message) Remove(n OptionNumber) {
	var kept []Option
	for _, o := range m.Options {
		if o.Number != n {
			kept = append(kept, o)
		}
	}
	m.Options = kept
}

// Get gives the first option of the number.
func (m *Message) Get(n OptionNumber) (Option, bool) {
	for _, o := range m.Options {
		if o.Number == n {
			return o, true
		}
	}
	return Option{}, false
}

// Uint gives the value of an option as an unsigned integer. An option whose length is outside the
// registry's bounds is none (RFC 7252 section 5.4.3).
func (m *Message) Uint(n OptionNumber) (uint64, bool) {
	o, ok := m.Get(n)
	if !ok {
		return 0, false
	}
	if i, known := infoFor(m.Code, n); known && len(o.Value) > i.Max {
		return 0, false
	}
	return o.Uint()
}

// Strings gives the values of all options of the number.
func (m *Message) Strings(n OptionNumber) []string {
	var out []string
	for _, o := range m.Options {
		if o.Number == n {
			out = append(out, string(o.Value))
		}
	}
	return out
}

// Path gives the Uri-Path segments.
func (m *Message) Path() []string { return m.Strings(URIPath) }

// Queries gives the Uri-Query options.
func (m *Message) Queries() []string { return m.Strings(URIQuery) }

// Location gives the Location-Path segments.
func (m *Message) Location() []string { return m.Strings(LocationPath) }

// ContentFormat gives the Content-Format number.
func (m *Message) ContentFormat() (uint16, bool) {
	v, ok := m.Uint(ContentFormat)
	return uint16(v), ok
}

// Accept gives the Accept number.
func (m *Message) Accept() (uint16, bool) { v, ok := m.Uint(Accept); return uint16(v), ok }

// Observe gives the Observe value.
func (m *Message) Observe() (uint32, bool) { v, ok := m.Uint(Observe); return uint32(v), ok }

// MaxAge gives the Max-Age in seconds, 60 where it is not stated (RFC 7252 section 5.10.5).
func (m *Message) MaxAge() uint32 {
	if v, ok := m.Uint(MaxAge); ok {
		return uint32(v)
	}
	return 60
}

// Sort brings the options into the order of their numbers and leaves those of one number as they are.
func (m *Message) Sort() {
	m.Options = slices.Clone(m.Options)
	slices.SortStableFunc(m.Options, func(a, b Option) int { return int(a.Number) - int(b.Number) })
}

// Clone copies the message with everything it points to.
func (m Message) Clone() Message {
	m.Token, m.Payload = bytes.Clone(m.Token), bytes.Clone(m.Payload)
	m.Options = slices.Clone(m.Options)
	for i := range m.Options {
		m.Options[i].Value = bytes.Clone(m.Options[i].Value)
	}
	return m
}

// Unrecognized gives the options that a receiver has to treat as unrecognized: those known does not
// know, those whose length is out of bounds, and the supernumerary ones of those that may occur once
// (RFC 7252 sections 5.4.1, 5.4.3, 5.4.5). nil stands for the registry. What follows for a critical one
// depends on the message: 4.02, a Reset, or silence.
func (m *Message) Unrecognized(known func(OptionNumber) bool) []Option {
	var out []Option
	seen := map[OptionNumber]bool{}
	for _, o := range m.Options {
		i, registered := infoFor(m.Code, o.Number)
		switch {
		case known == nil && !registered, known != nil && !known(o.Number):
			out = append(out, o)
		case registered && (len(o.Value) < i.Min || len(o.Value) > i.Max):
			out = append(out, o)
		case registered && seen[o.Number] && (!i.Repeatable || o.Number == ETag && m.Code.IsResponse()):
			out = append(out, o)
		}
		seen[o.Number] = true
	}
	return out
}

// String shows the message as one line for logs and errors.
func (m Message) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s, message ID %d, token %x", m.Type, m.Code, m.MessageID, m.Token)
	for _, o := range m.Options {
		if i, ok := infoFor(m.Code, o.Number); ok {
			fmt.Fprintf(&s, ", %s %s", i.Name, o.format(i.Kind))
		} else {
			fmt.Fprintf(&s, ", option %d %x", o.Number, o.Value)
		}
	}
	if len(m.Payload) > 0 {
		fmt.Fprintf(&s, ", %d bytes of payload", len(m.Payload))
	}
	return s.String()
}
