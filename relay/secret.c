/*
 * secret.c
 *		Strings that are wiped before their memory is given back.
 */
#include "secret.h"

#include <string.h>

#include <openssl/crypto.h>

void
secret_free(char **text)
{
	if (*text != NULL)
		OPENSSL_clear_free(*text, strlen(*text) + 1);
	*text = NULL;
}

bool
secret_copy(char **to, Slice from, Error *err)
{
	char	   *copy;

	if (from.data == NULL)
	{
		secret_free(to);
		return true;
	}
	copy = OPENSSL_malloc(from.size + 1);
	if (copy == NULL)
		return error_no_memory(err);
	memcpy(copy, from.data, from.size);
	copy[from.size] = '\0';
	secret_free(to);
	*to = copy;
	return true;
}

bool
secret_copy_string(char **to, const char *from, Error *err)
{
	return secret_copy(to, from != NULL ? slice_of(from) :
					   slice_make(NULL, 0), err);
}
