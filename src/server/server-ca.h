/* SPDX-License-Identifier: MIT */
#pragma once

/* The CA of this server, and what is public of it. */
#include "server/server-state.h"

/* Loads the CA; none yet is no error. Tells what fails. */
int server_load_ca(Server *s);
/* A new CA, its root for all to see, and the word of it to the fronts. Errors as certificate_authority_create(). */
int server_create_ca(Server *s, const char *name);
