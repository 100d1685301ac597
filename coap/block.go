package coap

import "fmt"

// MaxBlockNum is the greatest block number, 20 bits (RFC 7959 section 2.2).
const MaxBlockNum = 1<<20 - 1

// Block is the value of a Block1 or Block2 option (RFC 7959 section 2.2).
type Block struct {
	Num  uint32
	More bool
	SZX  uint8 // size exponent; 7 is reserved over UDP, BERT over TCP (RFC 8323 section 6)
}

// NewBlock is a block of the size, which must be one of 16, 32, 64, 128, 256, 512 and 1024 bytes.
func NewBlock(num uint32, more bool, size int) (Block, error) {
	for szx := range uint8(7) {
		if size == 16<<szx && num <= MaxBlockNum {
			return Block{num, more, szx}, nil
		}
	}
	return Block{}, fmt.Errorf("block %d of %d bytes cannot be expressed: sizes are 16 to 1024 by powers of two, numbers end at %d", num, size, MaxBlockNum)
}

// Size is the block size in bytes, 16 to 1024; 1024 also for the exponent 7.
func (b Block) Size() int { return 16 << min(b.SZX, 6) }

// Offset is where the block begins in the whole, in bytes.
func (b Block) Offset() int { return int(b.Num) * b.Size() }

// Encode writes the option value. Bits that do not fit go lost: 20 of Num, 3 of SZX.
func (b Block) Encode() []byte {
	v := uint64(b.Num&MaxBlockNum)<<4 | uint64(b.SZX&7)
	if b.More {
		v |= 8
	}
	return EncodeUint(v)
}

// String shows the block as RFC 7959 does: number, more, size.
func (b Block) String() string {
	more := 0
	if b.More {
		more = 1
	}
	return fmt.Sprintf("%d/%d/%d", b.Num, more, b.Size())
}

// Block reads the Block1 or Block2 option; one of more than three bytes is none.
func (m *Message) Block(n OptionNumber) (Block, bool) {
	v, ok := m.Uint(n)
	if !ok {
		return Block{}, false
	}
	return Block{Num: uint32(v >> 4), More: v&8 != 0, SZX: uint8(v & 7)}, true
}
