package control

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// plain writes a value as a line of a control can carry it: as the plain-text format does, opaque in hex.
func plain(v lwm2m.Value) string {
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		return v.Text()
	case lwm2m.Integer, lwm2m.Time:
		return strconv.FormatInt(v.Int(), 10)
	case lwm2m.Boolean:
		if v.Bool() {
			return "1"
		}
		return "0"
	case lwm2m.Float:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case lwm2m.Opaque:
		return hex.EncodeToString(v.Bytes())
	}
	return fmt.Sprint(v)
}
