package text_test

import (
	"testing"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/internal/vector"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/text"
)

func encode(tree lwm2m.Tree, base lwm2m.Path, _ string) ([]byte, error) {
	return text.Encode(tree, base)
}

func encodeOpaque(tree lwm2m.Tree, base lwm2m.Path, _ string) ([]byte, error) {
	return text.EncodeOpaque(tree, base)
}

func TestVectors(t *testing.T) {
	vector.Run(t, "testdata/plain.json", text.Decode, encode)
	vector.Run(t, "testdata/opaque.json", text.DecodeOpaque, encodeOpaque)
}
