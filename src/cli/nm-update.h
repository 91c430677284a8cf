/* SPDX-License-Identifier: MIT */
#pragma once

/* A connection profile of NetworkManager with the device's certificate in it, or without it again. */
#include "cli/nm-connection.h"

typedef struct NmLogin {
        const char *identity;
        const char *ca_file, *server_name; /* of the network's server; NULL: as before */
} NmLogin;

/* EAP-TLS with the token's key, which wants no password. */
int nm_values_new(const NmLogin *l, struct json_object *before, struct json_object **ret);

/* Settings that have secrets beside 802.1X's in a profile of that kind. */
#define NM_SECRETS 4U

typedef struct NmUpdate {
        const NmConnection *connection;      /* read from settings */
        sd_bus_message *settings;            /* the reply of GetSettings */
        sd_bus_message *secrets[NM_SECRETS]; /* replies of GetSecrets, or NULL */
        struct json_object *values;          /* in place of ours; NULL: without 802.1X */
        const char *saved;                   /* for the user data; NULL: none */
} NmUpdate;

/* Appends what the method Update wants: all that is there, but for those values. */
int nm_update_append(const NmUpdate *u, sd_bus_message *m);
