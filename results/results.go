// Package results is the outcome of a run as plain data: cases, criteria, verdicts and messages in
// decoded form, with the versioned JSON schema that reports and programs read. It imports nothing of
// this project, so that a result can be read by everything and depends on nothing.
package results

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Schema is the version of the JSON form, raised by one whenever a field changes its meaning or goes.
const Schema = 1

// Verdict is the judgement on a criterion or a case.
type Verdict string

// The verdicts. Inconclusive: the criterion was not reached. Error: the harness or the control failed.
// NotApplicable: the profile says the capability is absent.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	Inconclusive  Verdict = "inconclusive"
	Error         Verdict = "error"
	NotApplicable Verdict = "not applicable"
)

// Verdicts lists all verdicts, worst first.
func Verdicts() []Verdict { return []Verdict{Fail, Error, Inconclusive, Pass, NotApplicable} }

// Worst is the verdict of a case from those of its criteria: fail, error, inconclusive, pass, not
// applicable, in this order. Of no verdict at all it is Inconclusive: nothing judged is never a pass.
func Worst(vs ...Verdict) Verdict {
	for _, w := range Verdicts() {
		for _, v := range vs {
			if v == w {
				return w
			}
		}
	}
	return Inconclusive
}

// Key identifies a result: what was run against what. Together with a criterion's id it is unique in
// a run.
type Key struct {
	Case       string `json:"case"`             // canonical ETS id
	Role       string `json:"role"`             // of the IUT: client, server, bootstrap-server
	IUT        string `json:"iut"`              // the profile's name
	LwM2M      string `json:"lwm2m"`            // version of the run: 1.0, 1.1, 1.2
	Transport  string `json:"transport"`        // udp
	Security   string `json:"security"`         // nosec, psk
	Format     string `json:"format,omitempty"` // format variant, where the case has one
	Repetition int    `json:"repetition"`       // from 1
}

// Run describes a whole run; it is the first record of results.ndjson.
type Run struct {
	Schema       int       `json:"schema"`
	Tool         Tool      `json:"tool"`
	Started      time.Time `json:"started"`
	Command      string    `json:"command"`      // as the user typed it
	Virtual      bool      `json:"virtual_time"` // embedded IUTs played in virtual time
	Seed         uint64    `json:"seed"`
	Edition      string    `json:"ets_edition"`
	Requirements string    `json:"requirements_catalogue"`
	IUTs         []IUT     `json:"iuts"`
	Planned      []Key     `json:"planned"`
	// Interrupted says why the run ended before all that was planned; empty when it did not.
	Interrupted string `json:"interrupted,omitempty"`
}

// Tool names the program that ran.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// IUT is what the profile says of the implementation under test.
type IUT struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Control string `json:"control"`
	Profile string `json:"profile"` // file, or "embedded"
}

// Result is the outcome of one play of one case.
type Result struct {
	Key       Key         `json:"key"`
	Title     string      `json:"title"`
	Section   string      `json:"section"`
	Group     string      `json:"group"`
	Verdict   Verdict     `json:"verdict"`
	Reason    string      `json:"reason,omitempty"` // one sentence when the verdict is not pass
	Started   time.Time   `json:"started"`          // real time
	Duration  Duration    `json:"duration"`         // of the play's own clock, virtual or real
	Elapsed   Duration    `json:"elapsed"`          // real time it took
	Virtual   bool        `json:"virtual_time"`
	Seed      uint64      `json:"seed"`
	Reproduce string      `json:"reproduce"` // the command line that plays it again
	Steps     []Step      `json:"steps"`
	Criteria  []Criterion `json:"criteria"`
	Messages  []Message   `json:"messages"`
	Handshake []Record    `json:"handshake,omitempty"`
	Warnings  []string    `json:"warnings,omitempty"` // broken SHOULDs and remarks of the play
	Capture   string      `json:"capture,omitempty"`  // file in the report folder
	Output    []string    `json:"iut_output,omitempty"`
}

// Duration is a time.Duration written as seconds.
type Duration time.Duration

// Step is one step of the case as it was played.
type Step struct {
	N        int      `json:"n"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Text     string   `json:"text"`
	At       Duration `json:"at"` // since the start of the play
	Outcome  string   `json:"outcome"`
	Messages []int    `json:"messages,omitempty"`
}

// Criterion is the judgement on one pass criterion.
type Criterion struct {
	ID           string   `json:"id"`   // number and slug: "int-102.2 update-carries-lifetime"
	Text         string   `json:"text"` //
	Role         string   `json:"role"`
	Origin       string   `json:"origin"` // ets or derived
	Level        string   `json:"level"`  // MUST or SHOULD
	Requirements []string `json:"requirements"`
	Errata       []string `json:"errata,omitempty"`
	Rulings      []string `json:"rulings,omitempty"`
	Step         int      `json:"step"`
	Verdict      Verdict  `json:"verdict"`
	Reason       string   `json:"reason,omitempty"`
	Expected     string   `json:"expected,omitempty"`
	Actual       string   `json:"actual,omitempty"`
	Message      int      `json:"message,omitempty"` // number of the message that decided; 0: none
}

// Message is one CoAP message of the play, decoded. Its number is the frame number of the capture.
type Message struct {
	N         int       `json:"n"`
	At        Duration  `json:"at"` // since the start of the play
	Link      string    `json:"link"`
	Life      int       `json:"life"` // which start of the IUT it belongs to, from 1
	From      string    `json:"from"` // client, server, bootstrap-server
	To        string    `json:"to"`
	Secured   bool      `json:"secured"`
	Type      string    `json:"type"` // CON, NON, ACK, RST
	Code      string    `json:"code"` // 0.01, 2.05
	CodeName  string    `json:"code_name"`
	MessageID uint16    `json:"message_id"`
	Token     string    `json:"token"` // hex
	Options   []Option  `json:"options,omitempty"`
	Payload   string    `json:"payload,omitempty"`  // hex; key material masked
	Decoded   []Decoded `json:"decoded,omitempty"`  // values of the payload
	Summary   string    `json:"summary"`            // one line: "POST /rd?ep=…", "2.05 Content tlv (11542), 121 bytes"
	Repeated  int       `json:"repeated,omitempty"` // n-th retransmission
	Notes     []string  `json:"notes,omitempty"`    // departures from the rules
	Raw       string    `json:"raw,omitempty"`      // hex of the whole message, when it could not be decoded
}

// Option is one CoAP option.
type Option struct {
	Number uint16 `json:"number"`
	Name   string `json:"name"`
	Value  string `json:"value"` // as text or number where the option has one, else hex
}

// Decoded is one value of a payload.
type Decoded struct {
	Path  string `json:"path,omitempty"`
	Type  string `json:"type,omitempty"`
	Value string `json:"value"`
}

// Record is one DTLS record of a handshake, as far as it is readable without keys.
type Record struct {
	N    int      `json:"n"`
	At   Duration `json:"at"`
	From string   `json:"from"`
	To   string   `json:"to"`
	Text string   `json:"text"` // "ClientHello, suites 0xC0A8 …", "alert fatal unknown_psk_identity (115)"
}

// MarshalJSON writes seconds with millisecond precision or better.
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64)), nil
}

// UnmarshalJSON reads seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("duration %s is not a number of seconds", b)
	}
	*d = Duration(math.Round(s * float64(time.Second)))
	return nil
}
