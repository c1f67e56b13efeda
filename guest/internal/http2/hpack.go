package http2

import "errors"

// Field is one header or trailer field. Names are lower case.
type Field struct {
	Name, Value string
}

// size is the field's weight in the dynamic table (RFC 7541 section 4.1).
func (f Field) size() int {
	return len(f.Name) + len(f.Value) + 32
}

const (
	// defaultTableSize is SETTINGS_HEADER_TABLE_SIZE unless changed, and this
	// client does not change it (RFC 9113 section 6.5.2).
	defaultTableSize = 4096
	maxFieldBlock    = 1 << 20
)

var errFieldBlock = errors.New("hpack: malformed field block")

// appendFields encodes fields as literals without indexing and without Huffman
// coding (RFC 7541 section 6.2.2), which needs no state and is always allowed.
func appendFields(out []byte, fields []Field) []byte {
	for _, field := range fields {
		out = append(out, 0)
		out = appendString(out, field.Name)
		out = appendString(out, field.Value)
	}
	return out
}

func appendString(out []byte, text string) []byte {
	return append(appendInteger(out, 0, 7, len(text)), text...)
}

// appendInteger encodes value with a prefix of the given number of bits
// (RFC 7541 section 5.1). first holds the bits above the prefix.
func appendInteger(out []byte, first byte, bits uint, value int) []byte {
	limit := 1<<bits - 1
	if value < limit {
		return append(out, first|byte(value))
	}
	out = append(out, first|byte(limit))
	for value -= limit; value >= 0x80; value >>= 7 {
		out = append(out, byte(value)|0x80)
	}
	return append(out, byte(value))
}

// decoder undoes HPACK for one direction of a connection.
type decoder struct {
	dynamic []Field // newest first
	used    int
	limit   int
}

func newDecoder() *decoder {
	return &decoder{limit: defaultTableSize}
}

// decode returns the fields of one complete field block.
func (d *decoder) decode(block []byte) ([]Field, error) {
	in := &reader{data: block}
	var fields []Field
	total := 0
	for !in.empty() && in.err == nil {
		first := in.data[in.position]
		var field Field
		switch {
		case first&0x80 != 0:
			field = d.lookup(in, in.integer(7))
		case first&0x40 != 0:
			field = d.literal(in, 6)
			d.insert(field)
		case first&0x20 != 0:
			size := in.integer(5)
			if size > defaultTableSize {
				return nil, errFieldBlock
			}
			d.limit = size
			d.evict()
			continue
		default:
			field = d.literal(in, 4)
		}
		// A small block can name a large entry again and again.
		if total += field.size(); total > maxFieldBlock {
			return nil, errFieldBlock
		}
		fields = append(fields, field)
	}
	return fields, in.err
}

func (d *decoder) literal(in *reader, bits uint) Field {
	var field Field
	if index := in.integer(bits); index != 0 {
		field.Name = d.lookup(in, index).Name
	} else {
		field.Name = in.text()
	}
	field.Value = in.text()
	return field
}

// lookup finds an entry in the joint index space of RFC 7541 section 2.3.3.
func (d *decoder) lookup(in *reader, index int) Field {
	switch {
	case index >= 1 && index <= len(staticTable):
		return staticTable[index-1]
	case index > len(staticTable) && index-len(staticTable) <= len(d.dynamic):
		return d.dynamic[index-len(staticTable)-1]
	}
	in.fail(errFieldBlock)
	return Field{}
}

func (d *decoder) insert(field Field) {
	d.dynamic = append([]Field{field}, d.dynamic...)
	d.used += field.size()
	d.evict()
}

func (d *decoder) evict() {
	for d.used > d.limit {
		last := len(d.dynamic) - 1
		d.used -= d.dynamic[last].size()
		d.dynamic = d.dynamic[:last]
	}
}

// reader takes HPACK primitives off a block. Its first error sticks, later
// reads return zero values.
type reader struct {
	data     []byte
	position int
	err      error
}

func (r *reader) empty() bool { return r.position >= len(r.data) }

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) octet() byte {
	if r.err != nil || r.empty() {
		r.fail(errFieldBlock)
		return 0
	}
	r.position++
	return r.data[r.position-1]
}

func (r *reader) integer(bits uint) int {
	limit := 1<<bits - 1
	value := int(r.octet()) & limit
	if value < limit {
		return value
	}
	for shift := uint(0); shift <= 21; shift += 7 {
		octet := r.octet()
		value += int(octet&0x7f) << shift
		if octet&0x80 == 0 {
			return value
		}
	}
	r.fail(errFieldBlock)
	return 0
}

func (r *reader) text() string {
	if r.empty() {
		r.fail(errFieldBlock)
		return ""
	}
	coded := r.data[r.position]&0x80 != 0
	length := r.integer(7)
	if r.err != nil || length > len(r.data)-r.position {
		r.fail(errFieldBlock)
		return ""
	}
	raw := r.data[r.position : r.position+length]
	r.position += length
	if !coded {
		return string(raw)
	}
	text, err := decodeHuffman(raw)
	if err != nil {
		r.fail(err)
	}
	return text
}
