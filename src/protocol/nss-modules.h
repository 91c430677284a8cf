/* SPDX-License-Identifier: MIT */
#pragma once

/* pkcs11.txt of an NSS database: PKCS#11 modules, each some lines of "key=value", with an empty line behind. */
#include "shared/bytes.h"

#define NSS_MODULES_MAX (256U * 1024) /* bytes of a file */

/* The library of the module of that name, or of the first one whose library is a file of that name, in whatever
 * directory; malloc'd. -ENOENT */
int nss_modules_find(ByteView file, const char *name, char **ret_library);
int nss_modules_find_library(ByteView file, const char *library, char **ret_library);
/* Adds one at the end; others stay as they are, byte by byte. -EEXIST: there is one of that name. -EBADMSG: a file
 * without NSS's own module is none that NSS wrote. */
int nss_modules_add(ByteView file, const char *name, const char *library, Bytes *ret);
/* -ENOENT: there is none of that name. */
int nss_modules_remove(ByteView file, const char *name, Bytes *ret);
