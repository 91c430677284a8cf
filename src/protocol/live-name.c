/* SPDX-License-Identifier: MIT */
#include "protocol/live-name.h"

static bool has_name(const Device *device, const char *name) {
        char hash[DEVICE_HASH_TEXT + 1];

        for (unsigned i = 0; i < device->n_names; i++)
                if (strcmp(device->names[i], name) == 0)
                        return true;
        if (device->n_names > 0 || device->any_name)
                return false;
        device_hash_format(device->ek_hash, hash);
        return strcmp(hash, name) == 0;
}

LiveName live_name_verdict(const Device *device, const char *name, int64_t now) {
        if (!device)
                return LIVE_NAME_UNKNOWN;
        if (!has_name(device, name))
                return LIVE_NAME_OTHER;
        if (device->disabled)
                return LIVE_NAME_DISABLED;
        return device_expired(device, now) ? LIVE_NAME_EXPIRED : LIVE_NAME_GOOD;
}

const char *live_name_to_string(LiveName v) {
        static const char *const texts[] = {
                [LIVE_NAME_GOOD] = "good",
                [LIVE_NAME_UNKNOWN] = "no entry of the inventory has this name",
                [LIVE_NAME_DISABLED] = "the device of this name is disabled",
                [LIVE_NAME_EXPIRED] = "the entry of the device of this name has expired",
                [LIVE_NAME_OTHER] = "this is not exactly the name of a device",
        };
        _Static_assert(ELEMENTSOF(texts) == _LIVE_NAME_MAX, "every verdict has a text");

        return v < _LIVE_NAME_MAX ? texts[v] : "unknown verdict";
}
