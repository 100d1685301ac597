package text

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Format writes one value as plain text.
func Format(v lwm2m.Value) (string, error) {
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		return v.Text(), nil
	case lwm2m.Integer, lwm2m.Time:
		return strconv.FormatInt(v.Int(), 10), nil
	case lwm2m.Unsigned:
		return strconv.FormatUint(v.Uint(), 10), nil
	case lwm2m.Float:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return "", fmt.Errorf("plain text cannot write %v", f)
		}
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	case lwm2m.Boolean:
		if v.Bool() {
			return "1", nil
		}
		return "0", nil
	case lwm2m.Opaque:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	case lwm2m.ObjectLink:
		return FormatLink(v), nil
	case lwm2m.Unknown, lwm2m.None:
	}
	return "", fmt.Errorf("plain text cannot write a value of type %s", v.Type())
}

// FormatLink writes an object link, "3:0".
func FormatLink(v lwm2m.Value) string {
	object, instance := v.Link()
	b := strconv.AppendUint(make([]byte, 0, len("65535:65535")), uint64(object), 10)
	return string(strconv.AppendUint(append(b, ':'), uint64(instance), 10))
}
