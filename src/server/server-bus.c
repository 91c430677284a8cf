/* SPDX-License-Identifier: MIT */
#include "server/server-bus.h"

#include <systemd/sd-daemon.h>

#include "server/bus-methods.h"
#include "shared/log.h"
#include "shared/names.h"

#define ACTION "dev.attezt.server."

static const AccessRow access_table[] = {
        { "CreateCA", ACTION "create-ca", bus_refine_create_ca, bus_create_ca },
        { "GetRootCertificate", ACCESS_PUBLIC, NULL, bus_get_root_certificate },
        { "ExportRootKey", ACTION "manage-ca", NULL, bus_export_root_key },
        { "RemoveRootKey", ACTION "manage-ca", NULL, bus_remove_root_key },
        { "Rotate", ACTION "manage-ca", NULL, bus_rotate },
        { "Backup", ACTION "backup", NULL, bus_backup },
        { "Restore", ACTION "restore", NULL, bus_restore },
        { "Enroll", ACTION "enroll", bus_refine_enroll, bus_enroll },
        { "Remove", ACTION "remove", bus_refine_remove, bus_remove },
        { "Change", ACTION "change", bus_refine_change, bus_change },
        { "Replace", ACTION "replace", bus_refine_replace, bus_replace },
        { "Import", ACTION "import", bus_refine_import, bus_import },
        { "ListPending", ACTION "pending", NULL, bus_list_pending },
        { "Approve", ACTION "approve", bus_refine_approve, bus_approve },
        { "Deny", ACTION "deny", bus_refine_deny, bus_deny },
        { "ClearPending", ACTION "deny", bus_refine_clear_pending, bus_clear_pending },
        { "LookUp", ACTION "read", NULL, bus_look_up },
        { "List", ACTION "read", NULL, bus_list },
        { "ListIssued", ACTION "read", NULL, bus_list_issued },
        { "Revoke", ACTION "revoke", bus_refine_revoke, bus_revoke },
        { "ListLog", ACTION "read", NULL, bus_list_log },
        { "GetCounts", ACTION "read", NULL, bus_get_counts },
        { "AddTrust", ACTION "trust", bus_refine_add_trust, bus_add_trust },
        { "RemoveTrust", ACTION "trust", bus_refine_remove_trust, bus_remove_trust },
        { "ListTrust", ACTION "read", NULL, bus_list_trust },
        {},
};

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", ATTEZT_VERSION);
}

static const sd_bus_vtable server_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("CreateCA", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("s", fingerprint, "s", root_pem), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetRootCertificate", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("s", fingerprint, "s", root_pem), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ExportRootKey", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", key), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveRootKey", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rotate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("t", not_after), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Backup", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", archive), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Restore", SD_BUS_ARGS("h", archive, "a{sv}", options), SD_BUS_NO_RESULT, access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Enroll", SD_BUS_ARGS("s", ek_hash, "as", names, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", device, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Change", SD_BUS_ARGS("s", device, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Replace", SD_BUS_ARGS("s", device, "s", ek_hash, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Import", SD_BUS_ARGS("h", rows, "a{sv}", options),
                                SD_BUS_RESULT("a{st}", counts, "a(us)", problems), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListPending", SD_BUS_ARGS("s", cursor, "u", max, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", devices, "s", next), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Approve", SD_BUS_ARGS("s", words_or_hash, "as", names, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Deny", SD_BUS_ARGS("s", words_or_hash, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ClearPending", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("u", cleared),
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("LookUp", SD_BUS_ARGS("s", device, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", device), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("s", cursor, "u", max, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", devices, "s", next), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListIssued", SD_BUS_ARGS("s", device, "s", cursor, "u", max, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", certificates, "s", next), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Revoke", SD_BUS_ARGS("s", what, "a{sv}", options), SD_BUS_RESULT("a{sv}", end),
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListLog", SD_BUS_ARGS("t", first, "u", max, "a{sv}", options),
                                SD_BUS_RESULT("aay", entries, "t", count, "ay", head), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetCounts", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{st}", counts),
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AddTrust", SD_BUS_ARGS("ay", certificate, "a{sv}", options),
                                SD_BUS_RESULT("s", fingerprint, "b", added), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveTrust", SD_BUS_ARGS("s", fingerprint, "a{sv}", options), SD_BUS_NO_RESULT,
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTrust", SD_BUS_ARGS("s", cursor, "u", max, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", certificates, "s", next), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("InventoryChanged", SD_BUS_NO_ARGS, 0),
        SD_BUS_SIGNAL_WITH_ARGS("ImportProgress", SD_BUS_ARGS("u", row, "u", rows), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PendingChanged", SD_BUS_NO_ARGS, 0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

static int offer(sd_bus *bus, void *userdata) {
        Server *s = userdata;

        s->bus = bus;
        int r = access_new(bus, access_table, s, &s->access);
        if (r < 0)
                return r;
        return sd_bus_add_object_vtable(bus, NULL, ATTEZT_SERVER_OBJECT, ATTEZT_SERVER_INTERFACE, server_vtable, s);
}

/* What the inventory works on is done to the end; its answer has nobody to go to. */
static void withdraw(void *userdata) {
        Server *s = userdata;

        s->access = access_free(s->access);
        s->bus = NULL;
}

static void tried(void *userdata) {
        (void) sd_notify(false, "READY=1");
}

int server_bus_open(Server *s) {
        static const BusService service = {
                .name = ATTEZT_SERVER_BUS_NAME,
                .otherwise = "devices are served",
                .offer = offer,
                .withdraw = withdraw,
                .tried = tried,
        };

        int r = bus_connection_new(s->event, &service, s, &s->connection);
        return r < 0 ? log_error_errno(r, "The bus could not join the event loop: %m") : 0;
}
