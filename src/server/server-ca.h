/* SPDX-License-Identifier: MIT */
#pragma once

/* The CA of this server, and what is public of it. */
#include "server/server-state.h"

#define SERVER_CA_ENDING_SEC (60LL * 86400) /* from then on the journal is told of it at each start */

/* Loads the CA; none yet is no error. Tells what fails. One that cannot be used (s->ca_error) is an error where no bus
 * could bring another one. */
int server_load_ca(Server *s);
/* Why not, for a person: "its keys …". */
const char *server_ca_problem(const Server *s);
/* A new CA, its root for all to see, and the word of it to the fronts. Errors as certificate_authority_create(). */
int server_create_ca(Server *s, const char *name);
/* Errors of the three as of their certificate_authority_…(). ret: PEM, plain. */
int server_root_key(const Server *s, Bytes *ret);
int server_remove_root_key(Server *s);
int server_rotate_ca(Server *s, ByteView root_key);
