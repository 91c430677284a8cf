/* SPDX-License-Identifier: MIT */
#include "enroll/naming.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "shared/log.h"

#define NAMES_TEXT_MAX 512U

static void host_name(char ret[static NAMING_HOST_MAX]) {
        if (gethostname(ret, NAMING_HOST_MAX) < 0)
                ret[0] = 0;
        ret[NAMING_HOST_MAX - 1] = 0;
}

static void first_label(char *name) {
        name[strcspn(name, ".")] = 0;
}

const char *naming_suggest(char ret[static NAMING_HOST_MAX]) {
        host_name(ret);
        if (device_name_valid(ret))
                return ret;
        first_label(ret);
        return device_name_valid(ret) ? ret : "NAME";
}

static const char *find(const CertificateNames *names, const char *name, int (*compare)(const char *, const char *)) {
        for (size_t i = 0; i < names->n; i++)
                if (compare(names->names[i], name) == 0)
                        return names->names[i];
        return NULL;
}

/* "a, b and c", escaped. */
static const char *list_names(const CertificateNames *names, char ret[static NAMES_TEXT_MAX]) {
        size_t n = 0;

        ret[0] = 0;
        for (size_t i = 0; i < names->n && n < NAMES_TEXT_MAX; i++) {
                char escaped[LOG_ESCAPED_MAX];
                const char *separator = i == 0 ? "" : i + 1 == names->n ? " and " : ", ";
                int w = snprintf(ret + n, NAMES_TEXT_MAX - n, "%s%s", separator,
                                 log_escape(names->names[i], strlen(names->names[i]), escaped));
                n += w > 0 ? (size_t) w : 0;
        }
        return ret;
}

static int take(const char *name, char **ret) {
        char *copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int choose_any(const char *wanted, const char *recorded, char **ret, Failure *f) {
        char host[NAMING_HOST_MAX];

        host_name(host);
        const char *name = wanted ? wanted : recorded ? recorded : host;
        if (!*name)
                return fail(f, -EINVAL, OUTCOME_INVALID, "This machine has no host name: give one with --name");
        if (!device_name_valid(name))
                return fail(f, -EINVAL, OUTCOME_INVALID,
                            "\"%s\" is no name for a device: letters, digits and . _ - : @ + are, up to %u of them", name,
                            DEVICE_NAME_MAX);
        return take(name, ret);
}

/* NULL: neither the host name nor its first label. Case does not tell names apart: the inventory's counts. */
static const char *find_host(const CertificateNames *names) {
        char host[NAMING_HOST_MAX];

        host_name(host);
        const char *name = find(names, host, strcasecmp);
        if (name)
                return name;
        first_label(host);
        return find(names, host, strcasecmp);
}

int choose_name(const CertificateNames *names, const char *wanted, const char *recorded, char **ret, Failure *f) {
        char list[NAMES_TEXT_MAX];
        const char *name;

        if (names->n == 0)
                return choose_any(wanted, recorded, ret, f);
        if (wanted)
                return find(names, wanted, strcmp) ?
                               take(wanted, ret) :
                               fail(f, -EACCES, OUTCOME_WRONG_NAME,
                                    "\"%s\" was asked for, but the attestation server's inventory calls this device %s",
                                    wanted, list_names(names, list));
        name = recorded ? find(names, recorded, strcmp) : NULL;
        if (!name)
                name = find_host(names);
        if (!name && names->n == 1)
                name = names->names[0];
        if (!name)
                return fail(f, -ENOTUNIQ, OUTCOME_WRONG_NAME,
                            "The attestation server's inventory has several names for this device: %s. Choose one with "
                            "--name",
                            list_names(names, list));
        return take(name, ret);
}
