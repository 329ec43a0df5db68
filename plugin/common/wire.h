/*
 * wire.h
 *		The protobuf encoding, for the hot path: Changes and rows.
 *
 * Compiled into the output plugin and into the relay, so it may neither
 * allocate, log nor throw. Writers trust the caller to have made room; readers
 * trust nobody. Control records go through protobuf-c instead.
 */
#ifndef PG_FANOUT_WIRE_H
#define PG_FANOUT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum WireKind
{
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
} WireKind;

/* Room that one call may need, tag included. */
#define WIRE_MAX_TAG		5
#define WIRE_MAX_VARINT		10
#define WIRE_MAX_SCALAR		(WIRE_MAX_TAG + WIRE_MAX_VARINT)
/* What wire_put_bytes and a nested message need beyond their content. */
#define WIRE_MAX_PREFIX		(WIRE_MAX_TAG + 5)

/* ---- writing: each returns the byte after what it wrote ---- */

static inline uint8_t *
wire_put_varint(uint8_t *at, uint64_t value)
{
	while (value >= 0x80)
	{
		*at++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t) value;
	return at;
}

static inline uint8_t *
wire_put_tag(uint8_t *at, uint32_t number, WireKind kind)
{
	return wire_put_varint(at, ((uint64_t) number << 3) | kind);
}

static inline uint64_t
wire_zigzag(int64_t value)
{
	return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static inline int64_t
wire_unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* uint32, uint64, bool, enum, and int64 cast to unsigned */
static inline uint8_t *
wire_put_uint(uint8_t *at, uint32_t number, uint64_t value)
{
	at = wire_put_tag(at, number, WIRE_VARINT);
	return wire_put_varint(at, value);
}

/* sint32, sint64 */
static inline uint8_t *
wire_put_sint(uint8_t *at, uint32_t number, int64_t value)
{
	return wire_put_uint(at, number, wire_zigzag(value));
}

static inline uint8_t *
wire_store_fixed32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		*at++ = (uint8_t) (value >> (8 * i));
	return at;
}

static inline uint8_t *
wire_store_fixed64(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*at++ = (uint8_t) (value >> (8 * i));
	return at;
}

static inline uint8_t *
wire_put_fixed32(uint8_t *at, uint32_t number, uint32_t value)
{
	return wire_store_fixed32(wire_put_tag(at, number, WIRE_FIXED32), value);
}

static inline uint8_t *
wire_put_fixed64(uint8_t *at, uint32_t number, uint64_t value)
{
	return wire_store_fixed64(wire_put_tag(at, number, WIRE_FIXED64), value);
}

/* The bits of a float; every NaN becomes the one canonical NaN. */
extern uint32_t wire_float_bits(float value);
extern uint64_t wire_double_bits(double value);
extern float wire_bits_float(uint32_t bits);
extern double wire_bits_double(uint64_t bits);

/* string, bytes, a message that is already encoded */
static inline uint8_t *
wire_put_bytes(uint8_t *at, uint32_t number, const void *data, size_t size)
{
	at = wire_put_tag(at, number, WIRE_BYTES);
	at = wire_put_varint(at, size);
	if (size > 0)
		memcpy(at, data, size);
	return at + size;
}

/*
 * A nested message whose size is not known beforehand, in a buffer that may
 * move while it grows: wire_open_nested writes the tag and leaves one byte for
 * the length, its result's offset is the mark; wire_close_nested takes the
 * mark and the offset of the end, writes the shortest length, moving the
 * content if it needs more than that byte, and returns the new end. The caller
 * keeps four bytes of room after the content for that.
 */
#define WIRE_NESTED_ROOM	4

static inline uint8_t *
wire_open_nested(uint8_t *at, uint32_t number)
{
	return wire_put_tag(at, number, WIRE_BYTES) + 1;
}

extern size_t wire_close_nested(uint8_t *base, size_t mark, size_t end);

/* The size of a value's varint. */
extern size_t wire_varint_size(uint64_t value);

/* ---- reading ---- */

typedef struct WireReader
{
	const uint8_t *at;
	const uint8_t *end;
} WireReader;

/* One field: value holds a varint or fixed number, data and size the bytes. */
typedef struct WireField
{
	uint32_t	number;
	WireKind	kind;
	uint64_t	value;
	const uint8_t *data;
	size_t		size;
} WireField;

typedef enum WireResult
{
	WIRE_FIELD,					/* *field is set */
	WIRE_END,					/* nothing left */
	/* not protobuf: cut short, overlong, number 0, groups */
	WIRE_BAD
} WireResult;

static inline WireReader
wire_reader(const void *data, size_t size)
{
	WireReader	reader;

	reader.at = (const uint8_t *) data;
	reader.end = size > 0 ? reader.at + size : reader.at;
	return reader;
}

/* Reads the next field; on WIRE_BAD the reader is used up. */
extern WireResult wire_next(WireReader *reader, WireField *field);

/* Reads one varint, for packed numbers; false: cut short or overlong. */
extern bool wire_read_varint(WireReader *reader, uint64_t *value);
extern bool wire_read_fixed32(WireReader *reader, uint32_t *value);
extern bool wire_read_fixed64(WireReader *reader, uint64_t *value);

#endif							/* PG_FANOUT_WIRE_H */
