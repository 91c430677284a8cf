/* SPDX-License-Identifier: MIT */
#pragma once

/* The methods of dev.attezt.Server1, called after access was granted; userdata is the Server. What each does is
 * told in dbus/dev.attezt.Server1.xml. */
#include "server/server-state.h"

int bus_create_ca(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_get_root_certificate(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_export_root_key(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_remove_root_key(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_rotate(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_backup(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_restore(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_enroll(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_remove(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_change(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_replace(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_import(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_approve(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_deny(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_clear_pending(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_pending(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_look_up(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_issued(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_log(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_get_counts(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_add_trust(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_remove_trust(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_trust(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* What polkit is told, for those that change something; arguments are checked on the way. */
int bus_refine_create_ca(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_enroll(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_revoke(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_remove(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_change(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_import(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_approve(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_deny(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_clear_pending(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_replace(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_add_trust(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
int bus_refine_remove_trust(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
