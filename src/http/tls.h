/* SPDX-License-Identifier: MIT */
#pragma once

/* The server's certificate. Its files are looked at when a client comes, at most once a second; when they have
 * changed and fit together, new connections get the new one. */
#include <gnutls/abstract.h>

#include "shared/bytes.h"

#define TLS_CHECK_USEC (1000ULL * 1000)
#define TLS_FILE_MAX (256U * 1024)               /* bytes of either file */
#define TLS_CHAIN_MAX 10U                        /* certificates */
#define TLS_RETIRED_USEC (60ULL * 1000 * 1000)   /* an old pair lives on: handshakes may still use it */

/* There is one certificate for a process, because the callback of libmicrohttpd knows no more than the session. */
/* ask_clients: clients are asked for a certificate, which they need not have. */
int tls_open(const char *certificate_path, const char *key_path, bool ask_clients);
void tls_close(void);
/* Looks at the files now, as for SIGHUP. */
void tls_check(void);
int tls_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities,
                    const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **ret_chain,
                    unsigned *ret_n_chain, gnutls_privkey_t *ret_key);
