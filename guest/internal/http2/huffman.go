package http2

import "errors"

// huffmanLengths holds the code length in bits of every octet and, last, of the
// end-of-string symbol (RFC 7541 Appendix B). The code is canonical: codes of
// one length count upwards with the symbol, so the lengths are all there is to
// know.
var huffmanLengths = [257]byte{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
	30,
}

const (
	longestCode = 30
	endOfString = 256
)

// huffmanRow describes the codes of one length: consecutive values from first
// on, standing for symbols in this order.
type huffmanRow struct {
	first   uint32
	symbols []uint16
}

var huffmanRows = buildHuffmanRows()

func buildHuffmanRows() (rows [longestCode + 1]huffmanRow) {
	for symbol, length := range huffmanLengths {
		rows[length].symbols = append(rows[length].symbols, uint16(symbol))
	}
	code := uint32(0)
	for length := 1; length <= longestCode; length++ {
		code <<= 1
		rows[length].first = code
		code += uint32(len(rows[length].symbols))
	}
	return rows
}

var errHuffman = errors.New("hpack: invalid Huffman code")

// decodeHuffman undoes the string coding of RFC 7541 section 5.2.
func decodeHuffman(data []byte) (string, error) {
	var text []byte
	code, length := uint32(0), 0
	for _, octet := range data {
		for bit := 7; bit >= 0; bit-- {
			code = code<<1 | uint32(octet>>bit)&1
			length++
			if length > longestCode {
				return "", errHuffman
			}
			row := huffmanRows[length]
			if code < row.first || code-row.first >= uint32(len(row.symbols)) {
				continue
			}
			symbol := row.symbols[code-row.first]
			if symbol == endOfString {
				return "", errHuffman
			}
			text = append(text, byte(symbol))
			code, length = 0, 0
		}
	}
	// Padding is less than one octet of leading bits of the end-of-string code,
	// which is all ones.
	if length > 7 || code != 1<<length-1 {
		return "", errHuffman
	}
	return string(text), nil
}
