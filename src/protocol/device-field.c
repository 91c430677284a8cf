/* SPDX-License-Identifier: MIT */
#include "protocol/device-field.h"

#include "protocol/device-identity.h"
#include "protocol/settings.h"
#include "protocol/utc-time.h"

static const struct {
        const char *name;
        DeviceField field;
} names[] = {
        { "hash", FIELD_HASH },
        { "ek-hash", FIELD_HASH },
        { "certificate", FIELD_CERTIFICATE },
        { "public-key", FIELD_PUBLIC_KEY },
        { "names", FIELD_NAMES },
        { "name", FIELD_NAMES },
        { "note", FIELD_NOTE },
        { "any-name", FIELD_ANY_NAME },
        { "pinned", FIELD_PINNED },
        { "disabled", FIELD_DISABLED },
        { "ak-lifetime", FIELD_AK_LIFETIME },
        { "expires", FIELD_EXPIRES },
        { "created", FIELD_IGNORED },
        { "last-seen", FIELD_IGNORED },
        { "last-issued", FIELD_IGNORED },
        { "issued", FIELD_IGNORED },
        { "version", FIELD_IGNORED },
};

int device_field_from_name(const char *name, DeviceField *ret) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(name, names[i].name) == 0) {
                        *ret = names[i].field;
                        return 0;
                }
        return -ENOENT;
}

static const char *set_hash(DeviceFields *f, const uint8_t hash[static 32]) {
        if (f->has_hash && memcmp(f->device.ek_hash, hash, 32) != 0)
                return "hash, certificate and public key are of different devices";
        memcpy(f->device.ek_hash, hash, 32);
        f->has_hash = true;
        return NULL;
}

static const char *set_key(DeviceFields *f, const char *value) {
        uint8_t hash[32];

        switch (device_identity_from_text(value, hash)) {
        case 0:
                return set_hash(f, hash);
        case -ENOTSUP:
                return "its key is none that an EK can be: RSA of 2048 to 4096 bits, P-256, P-384";
        case -ENOMEM:
                return "out of memory";
        default:
                return "there is no EK certificate or public key in base64 or PEM";
        }
}

const char *device_field_add_name(DeviceFields *f, const char *name) {
        Device *d = &f->device;

        if (d->n_names >= DEVICE_NAMES_MAX)
                return "it has more than 16 names";
        if (!device_name_valid(name))
                return "a name has 1 to 64 of A-Z a-z 0-9 . _ - : @ +, begins with a letter or a digit, and is no hash";
        strcpy(d->names[d->n_names++], name);
        return NULL;
}

static const char *set_names(DeviceFields *f, const char *value) {
        const char *why = NULL;

        while (!why && *value) {
                char name[DEVICE_NAME_MAX + 2];
                size_t n = strcspn(value, " \t\r\n");
                size_t copy = MIN_OF(n, sizeof(name) - 1); /* one that is too long stays so */
                memcpy(name, value, copy);
                name[copy] = 0;
                if (n > 0)
                        why = device_field_add_name(f, name);
                value += n;
                value += strspn(value, " \t\r\n");
        }
        return why;
}

static const char *set_expires(Device *d, const char *value) {
        int64_t t = 0;

        if (strcmp(value, "never") != 0 && rfc3339_parse(value, &t) < 0) {
                char *end;
                errno = 0;
                t = strtoll(value, &end, 10);
                if (errno != 0 || *end || *value < '0' || *value > '9' || t > DEVICE_END_OF_TIME)
                        return "expires is a date such as 2027-01-31, seconds since 1970, or never";
        }
        d->expires = t;
        return NULL;
}

static const char *set_bool(const char *value, bool *ret) {
        return settings_parse_bool(value, ret) < 0 ? "any-name, pinned and disabled are yes or no" : NULL;
}

const char *device_field_set(DeviceFields *f, DeviceField field, const char *value) {
        uint8_t hash[32];
        Device *d = &f->device;

        if (!*value)
                return NULL;
        switch (field) {
        case FIELD_HASH:
                return device_hash_parse(value, hash) < 0 ? "the hash of an EK has 64 hexadecimal digits"
                                                          : set_hash(f, hash);
        case FIELD_CERTIFICATE:
        case FIELD_PUBLIC_KEY:
                return set_key(f, value);
        case FIELD_NAMES:
                return set_names(f, value);
        case FIELD_NOTE:
                if (strlen(value) > DEVICE_NOTE_MAX)
                        return "a note has at most 1024 bytes";
                strcpy(d->note, value);
                return NULL;
        case FIELD_ANY_NAME:
                return set_bool(value, &d->any_name);
        case FIELD_PINNED:
                return set_bool(value, &d->pinned);
        case FIELD_DISABLED:
                return set_bool(value, &d->disabled);
        case FIELD_AK_LIFETIME:
                if (strcmp(value, "default") == 0)
                        return NULL;
                return settings_parse_duration(value, AK_LIFETIME_MAX, &d->ak_lifetime) < 0
                               ? "ak-lifetime is a time such as 24h or 30d, at most 3650 days, or default"
                               : NULL;
        case FIELD_EXPIRES:
                return set_expires(d, value);
        default:
                return NULL;
        }
}

const char *device_fields_check(const DeviceFields *f) {
        if (!f->has_hash)
                return "which device is it? There is no hash, certificate or public key";
        if (f->device.any_name && f->device.n_names > 0)
                return "either names or any-name";
        return device_check(&f->device) < 0 ? "a name is there twice, or the note is not UTF-8" : NULL;
}
