/* SPDX-License-Identifier: MIT */
#pragma once

/* Single values that a caller or a settings file asks for, checked before anybody is bothered with them. */
#include "protocol/helper-wire.h"

#define REQUEST_LIFETIME_MAX (10LL * 365 * 86400) /* seconds */
#define REQUEST_EAB_TEXT_MAX 1024U                /* characters of an EAB key in base64url */

/* The URL as it is recorded: valid, https, without trailing slashes, an ACME one also without its /directory.
 * An attestation server on loopback may be http: what it learns there is public and what it answers is signed.
 * -EINVAL. */
int request_acme_url(const char *url, char **ret);
int request_attestation_url(const char *url, char **ret);

bool request_name_valid(const char *name);      /* a device name, or an EK hash */
bool request_roots_valid(ByteView pem);         /* has a certificate in PEM form, and is not too long */
/* base64url, with white space and padding at its end. -EINVAL. */
int request_eab_key(ByteView text, Bytes *ret);
