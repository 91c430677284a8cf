/* SPDX-License-Identifier: MIT */
#include "server/recall.h"

#include "protocol/certificate.h"
#include "protocol/last-certified.h"
#include "shared/inventory-last.h"
#include "shared/log.h"

static int recall(Server *s, const LastCertificate *last) {
        CertificateParts parts;
        Pending what = {};

        int r = certificate_parts(last->certificate, &parts);
        if (r >= 0)
                r = public_key_from_spki(parts.spki, &what.ak);
        if (r < 0)
                return r;
        memcpy(what.ek_hash, last->ek_hash, sizeof(what.ek_hash));
        return pending_secrets_recall(s->pending, &what);
}

static bool on_last(int error, const LastCertificate *last, void *userdata) {
        Server *s = userdata;

        if (!last) {
                if (error < 0)
                        log_warning_errno(error, "Could not read all certificates that devices have: %m");
                else
                        log_debug("Known again: the AKs of %zu devices.", s->recalled);
                return false;
        }
        if (recall(s, last) >= 0) /* one that cannot be read is looked at by "attezt ca log verify" */
                s->recalled++;
        return s->recalled < LAST_CERTIFIED_MAX;
}

int recall_certified(Server *s) {
        return inventory_walk_last(s->inventory, on_last, s);
}
