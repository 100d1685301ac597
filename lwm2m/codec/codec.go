// Package codec turns payloads into value trees and value trees into payloads, for every content
// format of LwM2M that holds values. It dispatches; each format lives in a package of its own below
// lwm2m/.
package codec

import (
	"fmt"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/omajson"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/senml"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/text"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/tlv"
)

// Decode reads a payload of the format. The error is for a format that holds no values or is unknown;
// everything wrong with the payload itself is a finding.
func Decode(f lwm2m.ContentFormat, payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding, error) {
	var t lwm2m.Tree
	var fs []lwm2m.Finding
	switch f {
	case lwm2m.FormatText:
		t, fs = text.Decode(payload, ctx)
	case lwm2m.FormatOpaque:
		t, fs = text.DecodeOpaque(payload, ctx)
	case lwm2m.FormatTLV:
		t, fs = tlv.Decode(payload, ctx)
	case lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLETCHJSON:
		t, fs = senml.DecodeJSON(payload, ctx, f == lwm2m.FormatSenMLETCHJSON)
	case lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLETCHCBOR:
		t, fs = senml.DecodeCBOR(payload, ctx, f == lwm2m.FormatSenMLETCHCBOR)
	case lwm2m.FormatJSON:
		t, fs = omajson.Decode(payload, ctx)
	default:
		return t, nil, fmt.Errorf("%s holds no values that could be read", f)
	}
	return t, append(fs, level(f, ctx)...), nil
}

// level notes a format for single values where more than one value is due (Core 7.4).
func level(f lwm2m.ContentFormat, ctx lwm2m.DecodeContext) []lwm2m.Finding {
	if f != lwm2m.FormatText && f != lwm2m.FormatOpaque && f != lwm2m.FormatCBOR {
		return nil
	}
	multiple, known := ctx.Multiple(ctx.Base)
	if ctx.Base.Level() < lwm2m.LevelResource && ctx.Base.Len() > 0 || ctx.Base.Level() == lwm2m.LevelResource && known && multiple {
		return []lwm2m.Finding{{Rule: "format.level", Level: lwm2m.MUST, Text: fmt.Sprintf("%s holds one value, %s may have several", f, ctx.Base)}}
	}
	return nil
}

// Options choose among the legal forms of each format.
type Options struct {
	TLV   tlv.Options
	SenML senml.Options
}

// Encode writes a tree in the format as the payload of a request on base, or of its answer.
func Encode(f lwm2m.ContentFormat, t lwm2m.Tree, base lwm2m.Path, o Options) ([]byte, error) {
	switch f {
	case lwm2m.FormatText, lwm2m.FormatOpaque:
		if len(t.Nodes) != 1 {
			return nil, fmt.Errorf("%s holds one value, there are %d", f, len(t.Nodes))
		}
		v := t.Nodes[0].Value
		if f == lwm2m.FormatText {
			s, err := text.Format(v)
			return []byte(s), err
		}
		if v.Type() != lwm2m.Opaque {
			return nil, fmt.Errorf("%s holds an Opaque, not a %s", f, v.Type())
		}
		return v.Bytes(), nil
	case lwm2m.FormatTLV:
		return tlv.Encode(t, base, o.TLV)
	case lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLETCHJSON:
		return senml.EncodeJSON(t, base, false, o.SenML)
	case lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLETCHCBOR:
		return senml.EncodeCBOR(t, base, false, o.SenML)
	}
	return nil, fmt.Errorf("%s cannot be written", f)
}
