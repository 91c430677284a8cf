/* SPDX-License-Identifier: MIT */
#pragma once

/* p11-kit's module files (pkcs11.conf(5)): "key: value" a line, comments from # at its beginning. */
#include "shared/bytes.h"

#define P11_MODULE_FILE_MAX (64U * 1024) /* bytes */

/* The value of a key, of the last such line as p11-kit takes it; malloc'd, "" for an empty one. -ENOENT: there is no
 * such line; -EBADMSG: a line is none of these, which makes p11-kit ignore the file. */
int p11_module_get(ByteView text, const char *key, char **ret);
