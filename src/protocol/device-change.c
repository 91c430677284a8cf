/* SPDX-License-Identifier: MIT */
#include "protocol/device-change.h"

static bool same_name(const char *a, const char *b) {
        char x[DEVICE_NAME_MAX + 1], y[DEVICE_NAME_MAX + 1];

        device_name_fold(a, x);
        device_name_fold(b, y);
        return strcmp(x, y) == 0;
}

/* Its place among the names, or n_names. */
static unsigned find_name(const Device *d, const char *name) {
        unsigned i = 0;

        while (i < d->n_names && !same_name(d->names[i], name))
                i++;
        return i;
}

static int add_names(const DeviceNames *names, Device *d) {
        for (unsigned i = 0; i < names->n; i++) {
                if (find_name(d, names->list[i]) < d->n_names)
                        continue;
                if (d->n_names >= DEVICE_NAMES_MAX)
                        return -EINVAL;
                memcpy(d->names[d->n_names++], names->list[i], sizeof(d->names[0]));
        }
        return 0;
}

static int remove_names(const DeviceNames *names, Device *d) {
        for (unsigned i = 0; i < names->n; i++) {
                unsigned at = find_name(d, names->list[i]);
                if (at == d->n_names)
                        return -ENXIO;
                memmove(d->names[at], d->names[at + 1], (d->n_names - at - 1) * sizeof(d->names[0]));
                memset(d->names[--d->n_names], 0, sizeof(d->names[0]));
        }
        return 0;
}

static int change_names(const DeviceChange *c, Device *d) {
        if (c->fields & DEVICE_CHANGE_NAMES) {
                if (c->names.n > DEVICE_NAMES_MAX)
                        return -EINVAL;
                memset(d->names, 0, sizeof(d->names));
                memcpy(d->names, c->names.list, c->names.n * sizeof(d->names[0]));
                d->n_names = c->names.n;
        }
        int r = remove_names(&c->remove, d);
        if (r >= 0)
                r = add_names(&c->add, d);
        if (r >= 0 && d->n_names > 0 && (c->names.n > 0 || c->add.n > 0))
                d->any_name = false;
        return r;
}

static void change_settings(const DeviceChange *c, Device *d) {
        if (c->fields & DEVICE_CHANGE_ANY_NAME)
                d->any_name = c->any_name;
        if (c->fields & DEVICE_CHANGE_PINNED)
                d->pinned = c->pinned;
        if (c->fields & DEVICE_CHANGE_DISABLED)
                d->disabled = c->disabled;
        if (!d->disabled)
                d->denied = d->untrusted = false; /* somebody said so */
        if (c->fields & DEVICE_CHANGE_AK_LIFETIME)
                d->ak_lifetime = c->ak_lifetime;
        if (c->fields & DEVICE_CHANGE_EXPIRES)
                d->expires = c->expires;
        if (c->fields & DEVICE_CHANGE_NOTE)
                memcpy(d->note, c->note, sizeof(d->note));
}

int device_change_apply(const DeviceChange *c, Device *d) {
        Device changed = *d;

        if (c->version > 0 && c->version != d->version)
                return -ESTALE;
        int r = change_names(c, &changed);
        if (r < 0)
                return r;
        change_settings(c, &changed);
        r = device_check(&changed);
        if (r < 0)
                return r;
        *d = changed;
        return 0;
}

void device_replace(const DeviceReplacement *by, Device *old, Device *ret_new) {
        Device new = *old;

        memcpy(new.ek_hash, by->ek_hash, sizeof(new.ek_hash));
        new.pinned = by->pinned;
        new.disabled = new.denied = new.untrusted = false;
        new.created = by->now;
        new.last_issued = new.last_seen = 0;
        new.issued = 0;

        old->n_names = 0;
        memset(old->names, 0, sizeof(old->names));
        old->any_name = false;
        old->disabled = true;
        *ret_new = new;
}

bool device_same_settings(const Device *a, const Device *b) {
        if (memcmp(a->ek_hash, b->ek_hash, sizeof(a->ek_hash)) != 0 || a->n_names != b->n_names ||
            a->any_name != b->any_name || a->pinned != b->pinned || a->disabled != b->disabled ||
            a->ak_lifetime != b->ak_lifetime || a->expires != b->expires || strcmp(a->note, b->note) != 0)
                return false;
        for (unsigned i = 0; i < a->n_names; i++)
                if (find_name(b, a->names[i]) == b->n_names)
                        return false;
        return true;
}
