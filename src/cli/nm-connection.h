/* SPDX-License-Identifier: MIT */
#pragma once

/* A connection profile of NetworkManager, a{sa{sv}} on its bus, as far as 802.1X with the device's certificate
 * goes. */
#include "cli/cli.h"

/* What there was of ours before, as JSON, in the profile's user data, which NetworkManager keeps for others. */
#define NM_SAVED_KEY "attezt.before"
#define NM_SAVED_MAX 8000U /* bytes; NetworkManager keeps no more in one value */

typedef struct NmConnection {
        char *id, *uuid;
        bool has_8021x;             /* it has that setting at all */
        bool wireless;
        char *key_mgmt;             /* of a Wi-Fi network; NULL: open */
        bool has_server_ca;         /* ca-cert, ca-path or the system's */
        bool has_server_name;       /* domain-match and its like */
        struct json_object *values; /* ours, by name, as JSON */
        char *saved;                /* NULL: none */
        size_t n_user_data;         /* others' entries there */
} NmConnection;

void nm_connection_done(NmConnection *c);
#define _cleanup_nm_connection_ _cleanup_(nm_connection_done)

/* m: the reply of GetSettings, from its beginning. Negative errno. */
int nm_connection_read(sd_bus_message *m, NmConnection *ret);

/* What we set in 802-1x, and what of: a list of texts, a text, bytes (as base64 in JSON), a number, a flag. */
typedef struct NmOwned {
        const char *key, *type;
} NmOwned;

#define NM_OWNED 10U
extern const NmOwned nm_owned[NM_OWNED];
const NmOwned *nm_find_owned(const char *key); /* NULL: not ours */

/* Walks through a{sa{sv}} from its beginning, and through one a{sv}. func takes the value of its key from m: an
 * a{sv}, a variant. */
typedef int (*NmSettingFunc)(sd_bus_message *m, const char *setting, void *userdata);
int nm_walk(sd_bus_message *m, NmSettingFunc func, void *userdata);
typedef int (*NmEntryFunc)(sd_bus_message *m, const char *setting, const char *key, void *userdata);
int nm_walk_setting(sd_bus_message *m, const char *setting, NmEntryFunc func, void *userdata);
