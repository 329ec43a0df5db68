/*
 * debezium_decimal.c
 *		Numbers of any length in the forms of Java's BigDecimal. See
 *		debezium_decimal.h.
 *
 * Numbers of up to 38 digits, nearly all there are, go through one 128-bit
 * integer; longer ones through limbs of 32 bits in a buffer of the caller.
 */
#include "debezium_decimal.h"

#include "json_value.h"

#define SHORT_DIGITS 38			/* what 128 bits hold for sure */

typedef unsigned __int128 Wide;

/* ---- reading ---- */

static bool
is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static const uint8_t *
skip_digits(const uint8_t *at, const uint8_t *end)
{
	while (at < end && is_digit(*at))
		at++;
	return at;
}

bool
debezium_decimal_read(Slice text, DebeziumDecimal *decimal)
{
	const uint8_t *at = text.data;
	const uint8_t *end = at + text.size;
	const uint8_t *start;

	decimal->negative = at < end && *at == '-';
	start = at += decimal->negative;
	at = skip_digits(at, end);
	decimal->whole = slice_make(start, (size_t) (at - start));
	decimal->fraction = slice_make(at, 0);
	if (at < end && *at == '.')
	{
		start = ++at;
		at = skip_digits(at, end);
		decimal->fraction = slice_make(start, (size_t) (at - start));
	}
	return at == end && decimal->whole.size + decimal->fraction.size > 0;
}

/* Where the fraction of a sum of money begins: behind its last mark. */
static size_t
money_fraction_start(Slice text)
{
	size_t		digits = 0;

	for (size_t i = text.size; i > 0; i--)
	{
		uint8_t		byte = text.data[i - 1];

		if (is_digit(byte))
			digits++;
		else if ((byte == '.' || byte == ',') && digits > 0)
			return digits <= 2 ? i : text.size;
		else if (digits > 0)
			break;
	}
	return text.size;
}

bool
debezium_decimal_read_money(Slice text, Buf *scratch,
							DebeziumDecimal *decimal)
{
	size_t		point = money_fraction_start(text);
	size_t		whole = 0;

	buf_clear(scratch);
	decimal->negative = false;
	for (size_t i = 0; i < text.size; i++)
	{
		uint8_t		byte = text.data[i];

		if (i == point)
			whole = scratch->size;
		if (is_digit(byte))
			buf_append_byte(scratch, byte);
		decimal->negative |= byte == '-' || byte == '(';
	}
	if (point == text.size)
		whole = scratch->size;
	if (scratch->size == 0 || buf_failed(scratch))
		return false;
	decimal->whole = slice_make(scratch->data, whole);
	decimal->fraction = slice_make(scratch->data + whole,
								   scratch->size - whole);
	return true;
}

void
debezium_decimal_strip(DebeziumDecimal *decimal)
{
	Slice	   *fraction = &decimal->fraction;

	while (fraction->size > 0 && fraction->data[fraction->size - 1] == '0')
		fraction->size--;
}

/* ---- unscaled bytes ---- */

static void
wide_add(Wide *value, Slice digits)
{
	for (size_t i = 0; i < digits.size; i++)
		*value = *value * 10 + (unsigned) (digits.data[i] - '0');
}

/*
 * A magnitude, most significant byte first and with at least one leading zero,
 * becomes the number's shortest two's complement and is printed.
 */
static void
append_complement(Buf *out, uint8_t *bytes, size_t size, bool negative)
{
	size_t		skip = 0;
	unsigned	carry = 1;

	for (size_t i = size; negative && i > 0; i--)
	{
		carry += (uint8_t) ~bytes[i - 1];
		bytes[i - 1] = (uint8_t) carry;
		carry >>= 8;
	}
	while (skip + 1 < size &&
		   ((bytes[skip] == 0x00 && bytes[skip + 1] < 0x80) ||
			(bytes[skip] == 0xff && bytes[skip + 1] >= 0x80)))
		skip++;
	json_append_base64(out, slice_make(bytes + skip, size - skip));
}

static void
append_short(Buf *out, const DebeziumDecimal *decimal, size_t zeros)
{
	Wide		value = 0;
	uint8_t		bytes[17] = {0};

	wide_add(&value, decimal->whole);
	wide_add(&value, decimal->fraction);
	for (; zeros > 0; zeros--)
		value *= 10;
	for (int i = 16; i > 0; i--, value >>= 8)
		bytes[i] = (uint8_t) value;
	append_complement(out, bytes, sizeof(bytes), decimal->negative);
}

/* Limbs of 32 bits, least significant first, in a buffer. */
static void
limbs_multiply_add(Buf *limbs, uint32_t factor, uint32_t term)
{
	uint64_t	carry = term;
	uint32_t	limb;

	for (size_t i = 0; i < limbs->size; i += sizeof(limb))
	{
		memcpy(&limb, limbs->data + i, sizeof(limb));
		carry += (uint64_t) limb * factor;
		limb = (uint32_t) carry;
		memcpy(limbs->data + i, &limb, sizeof(limb));
		carry >>= 32;
	}
	if (carry > 0)
	{
		limb = (uint32_t) carry;
		buf_append(limbs, &limb, sizeof(limb));
	}
}

/* Nine digits at a time: digit i of the number with its zeros behind it. */
static void
limbs_read(Buf *limbs, const DebeziumDecimal *decimal, size_t count)
{
	size_t		whole = decimal->whole.size;
	size_t		known = whole + decimal->fraction.size;
	uint32_t	chunk = 0;
	uint32_t	factor = 1;

	for (size_t i = 0; i < count; i++)
	{
		uint8_t		digit = i < whole ? decimal->whole.data[i] :
			i < known ? decimal->fraction.data[i - whole] : '0';

		chunk = chunk * 10 + (uint32_t) (digit - '0');
		factor *= 10;
		if (factor < 1000000000 && i + 1 < count)
			continue;
		limbs_multiply_add(limbs, factor, chunk);
		chunk = 0;
		factor = 1;
	}
}

/* The limbs as bytes in the other order, a zero in front. */
static void
limbs_reverse(Buf *limbs)
{
	uint32_t	zero = 0;

	/* bytes of a limb are least significant first only where that is so */
	for (size_t i = 0; i < limbs->size; i += sizeof(uint32_t))
	{
		uint32_t	limb;

		memcpy(&limb, limbs->data + i, sizeof(limb));
		for (size_t k = 0; k < sizeof(limb); k++)
			limbs->data[i + k] = (uint8_t) (limb >> (8 * k));
	}
	buf_append(limbs, &zero, sizeof(zero));
	for (size_t i = 0; i < limbs->size / 2; i++)
	{
		uint8_t		byte = limbs->data[i];

		limbs->data[i] = limbs->data[limbs->size - 1 - i];
		limbs->data[limbs->size - 1 - i] = byte;
	}
}

static size_t
padding(const DebeziumDecimal *decimal, size_t scale)
{
	return scale > decimal->fraction.size ?
		scale - decimal->fraction.size : 0;
}

void
debezium_decimal_append_bytes(Buf *out, const DebeziumDecimal *decimal,
							  size_t scale, Buf *scratch)
{
	size_t		zeros = padding(decimal, scale);
	size_t		count = decimal->whole.size + decimal->fraction.size + zeros;

	if (count <= SHORT_DIGITS)
	{
		append_short(out, decimal, zeros);
		return;
	}
	buf_clear(scratch);
	limbs_read(scratch, decimal, count);
	limbs_reverse(scratch);
	if (buf_failed(scratch))
		out->failed = true;
	else
		append_complement(out, scratch->data, scratch->size,
						  decimal->negative);
}

/* ---- text ---- */

static void
append_zeros(Buf *out, size_t count)
{
	for (; count > 0; count--)
		buf_append_byte(out, '0');
}

void
debezium_decimal_append_plain(Buf *out, const DebeziumDecimal *decimal,
							  size_t scale)
{
	if (decimal->negative)
		buf_append_byte(out, '-');
	if (decimal->whole.size == 0)
		buf_append_byte(out, '0');
	buf_append_slice(out, decimal->whole);
	if (scale == 0 && decimal->fraction.size == 0)
		return;
	buf_append_byte(out, '.');
	buf_append_slice(out, decimal->fraction);
	append_zeros(out, padding(decimal, scale));
}

/* Zeros at the fraction's beginning. */
static size_t
leading_zeros(const DebeziumDecimal *decimal)
{
	size_t		zeros = 0;

	while (zeros < decimal->fraction.size &&
		   decimal->fraction.data[zeros] == '0')
		zeros++;
	return zeros;
}

static bool
whole_is_zero(const DebeziumDecimal *decimal)
{
	for (size_t i = 0; i < decimal->whole.size; i++)
		if (decimal->whole.data[i] != '0')
			return false;
	return true;
}

/*
 * Below 10^-6 one digit stands before the point and an exponent behind. Zero
 * has one digit: 0E-7 at scale 7.
 */
void
debezium_decimal_append_java(Buf *out, const DebeziumDecimal *decimal,
							 size_t scale)
{
	size_t		zeros = leading_zeros(decimal);
	size_t		total = decimal->fraction.size + padding(decimal, scale);
	Slice		digits = decimal->fraction;

	if (zeros == digits.size)
		zeros = total > 0 ? total - 1 : 0;
	if (!whole_is_zero(decimal) || zeros < 6 || total == 0)
	{
		debezium_decimal_append_plain(out, decimal, scale);
		return;
	}
	if (decimal->negative)
		buf_append_byte(out, '-');
	buf_append_byte(out, zeros < digits.size ? digits.data[zeros] : '0');
	if (total > zeros + 1)
	{
		buf_append_byte(out, '.');
		for (size_t i = zeros + 1; i < total; i++)
			buf_append_byte(out, i < digits.size ? digits.data[i] : '0');
	}
	buf_printf(out, "E-%zu", zeros + 1);
}
