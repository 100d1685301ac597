package tlv_test

import (
	"fmt"
	"testing"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/internal/vector"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/tlv"
)

var variants = map[string]tlv.Options{
	"exact":         {},
	"wrap":          {Wrap: true},
	"wrap-instance": {WrapInstance: true},
	"single-floats": {SingleFloats: true},
	"wide-integers": {WideIntegers: true},
	"wide-headers":  {WideHeaders: true},
}

func encode(tree lwm2m.Tree, base lwm2m.Path, variant string) ([]byte, error) {
	o, ok := variants[variant]
	if !ok {
		return nil, fmt.Errorf("no variant %q", variant)
	}
	return tlv.Encode(tree, base, o)
}

func TestVectors(t *testing.T) {
	vector.Run(t, "testdata/vectors.json", tlv.Decode, encode)
}
