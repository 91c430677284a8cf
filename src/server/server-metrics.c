/* SPDX-License-Identifier: MIT */
#include "server/server-metrics.h"

#include "server/server-drop.h"
#include "shared/inventory-waiting.h"

static const char *const statuses[_FRONT_STATUS_MAX] = {
        [FRONT_OK] = "ok",
        [FRONT_BUSY] = "busy",
        [FRONT_DENIED] = "denied",
        [FRONT_UNAVAILABLE] = "unavailable",
        [FRONT_FAILED] = "failed",
        [FRONT_WAITING] = "waiting",
};

static const char *const verdicts[_ISSUE_VERDICT_MAX] = {
        [ISSUE_GOOD] = "issued",
        [ISSUE_UNKNOWN_SECRET] = "unknown-secret",
        [ISSUE_UNKNOWN_DEVICE] = "unknown-device",
        [ISSUE_DISABLED] = "disabled",
        [ISSUE_DENIED] = "denied",
        [ISSUE_EXPIRED] = "expired",
        [ISSUE_NO_CERTIFICATE] = "no-ek-certificate",
        [ISSUE_UNTRUSTED_CERTIFICATE] = "untrusted-ek-certificate",
        [ISSUE_CHANGED] = "changed",
};

static void put_requests(Metrics *m, const ServerCounters *c) {
        metrics_counter(m, "attezt_ca_challenges", "Requests for a challenge, by their answer.");
        for (size_t i = 0; i < _FRONT_STATUS_MAX; i++)
                metrics_count(m, "attezt_ca_challenges", "status", statuses[i], c->challenges[i]);
        metrics_counter(m, "attezt_ca_verdicts", "Secrets that came back, by what came of it.");
        for (size_t i = 0; i < _ISSUE_VERDICT_MAX; i++)
                metrics_count(m, "attezt_ca_verdicts", "verdict", verdicts[i], c->verdicts[i]);
        metrics_one_count(m, "attezt_ca_failures", "Secrets that came back and found the CA at fault.", c->failures);
        metrics_counter(m, "attezt_ca_no_room", "Unknown devices that found no place to wait for approval, by what was full.");
        metrics_count(m, "attezt_ca_no_room", "places", "all", c->no_room);
        metrics_count(m, "attezt_ca_no_room", "places", "untrusted", c->no_room_untrusted);
        metrics_count(m, "attezt_ca_no_room", "places", "source", c->no_room_source);
}

void server_metrics(Metrics *m, void *server) {
        const Server *s = server;
        InventoryCounts counts = inventory_counts(s->inventory);

        uint64_t size;

        put_requests(m, &s->counters);
        metrics_one_value(m, "attezt_ca_devices", "Devices in the inventory.", (int64_t) counts.devices);
        metrics_one_value(m, "attezt_ca_waiting_devices", "Devices that wait for approval.",
                          (int64_t) inventory_n_waiting(s->inventory, server_now()));
        metrics_one_value(m, "attezt_ca_issued_records", "AK certificates that are kept.", (int64_t) counts.held);
        metrics_one_value(m, "attezt_ca_log_entries", "Entries in the record of what was signed.",
                          (int64_t) inventory_signed_state(s->inventory).head.count);
        if (inventory_file_size(s->inventory, &size) >= 0)
                metrics_one_value(m, "attezt_ca_inventory_bytes", "Size of the inventory's file.", (int64_t) size);
        metrics_one_value(m, "attezt_ca_inventory_max_bytes", "How large it may become.",
                          (int64_t) server_inventory_limit(s));
        metrics_one_value(m, "attezt_ca_pending_secrets", "Challenges without an answer yet.",
                          (int64_t) pending_secrets_expire(s->pending, server_boottime(s)));
        metrics_one_value(m, "attezt_ca_not_after_timestamp_seconds", "The end of the CA; 0: there is none.",
                          s->ca ? certificate_authority_not_after(s->ca) : 0);
}
