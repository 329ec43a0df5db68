/*
 * wire.c
 *		The protobuf encoding, for the hot path: the parts too long for the
 *		header. See wire.h for what this code may not do.
 */
#include "wire.h"

#define FLOAT_NAN_BITS	UINT32_C(0x7fc00000)
#define DOUBLE_NAN_BITS UINT64_C(0x7ff8000000000000)

uint32_t
wire_float_bits(float value)
{
	uint32_t	bits;

	if (value != value)
		return FLOAT_NAN_BITS;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

uint64_t
wire_double_bits(double value)
{
	uint64_t	bits;

	if (value != value)
		return DOUBLE_NAN_BITS;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

float
wire_bits_float(uint32_t bits)
{
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

double
wire_bits_double(uint64_t bits)
{
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

size_t
wire_varint_size(uint64_t value)
{
	size_t		size = 1;

	while (value >= 0x80)
	{
		value >>= 7;
		size++;
	}
	return size;
}

size_t
wire_close_nested(uint8_t *base, size_t mark, size_t end)
{
	size_t		size = end - mark;
	size_t		more = wire_varint_size(size) - 1;

	if (more > 0)
		memmove(base + mark + more, base + mark, size);
	wire_put_varint(base + mark - 1, size);
	return end + more;
}

bool
wire_read_varint(WireReader *reader, uint64_t *value)
{
	uint64_t	result = 0;

	for (int shift = 0; shift < 64 && reader->at < reader->end; shift += 7)
	{
		uint8_t		byte = *reader->at++;

		if (shift == 63 && byte > 1)
			return false;
		result |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*value = result;
			return true;
		}
	}
	return false;
}

bool
wire_read_fixed32(WireReader *reader, uint32_t *value)
{
	if (reader->end - reader->at < 4)
		return false;
	*value = 0;
	for (int i = 0; i < 4; i++)
		*value |= (uint32_t) *reader->at++ << (8 * i);
	return true;
}

bool
wire_read_fixed64(WireReader *reader, uint64_t *value)
{
	if (reader->end - reader->at < 8)
		return false;
	*value = 0;
	for (int i = 0; i < 8; i++)
		*value |= (uint64_t) *reader->at++ << (8 * i);
	return true;
}

static bool
read_bytes(WireReader *reader, WireField *field)
{
	uint64_t	size;

	if (!wire_read_varint(reader, &size))
		return false;
	if (size > (uint64_t) (reader->end - reader->at))
		return false;
	field->data = reader->at;
	field->size = (size_t) size;
	reader->at += size;
	return true;
}

static bool
read_value(WireReader *reader, WireField *field)
{
	uint32_t	fixed32;

	switch (field->kind)
	{
		case WIRE_VARINT:
			return wire_read_varint(reader, &field->value);
		case WIRE_FIXED64:
			return wire_read_fixed64(reader, &field->value);
		case WIRE_BYTES:
			return read_bytes(reader, field);
		case WIRE_FIXED32:
			if (!wire_read_fixed32(reader, &fixed32))
				return false;
			field->value = fixed32;
			return true;
	}
	return false;
}

WireResult
wire_next(WireReader *reader, WireField *field)
{
	uint64_t	tag;

	if (reader->at == reader->end)
		return WIRE_END;
	memset(field, 0, sizeof(*field));
	if (!wire_read_varint(reader, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		goto bad;
	field->number = (uint32_t) (tag >> 3);
	field->kind = (WireKind) (tag & 7);
	if (!read_value(reader, field))
		goto bad;
	return WIRE_FIELD;

bad:
	reader->at = reader->end;
	return WIRE_BAD;
}
