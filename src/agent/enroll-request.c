/* SPDX-License-Identifier: MIT */
#include "agent/enroll-request.h"

#include <fcntl.h>

#include "agent/request-values.h"
#include "shared/log.h"

static int invalid(sd_bus_error *error, const char *text) {
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, text);
}

static int unknown_option(const char *name, sd_bus_error *error) {
        char escaped[LOG_ESCAPED_MAX];

        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "There is no option \"%s\".",
                                 log_escape(name, strlen(name), escaped));
}

/* Only memory is read here: a pipe, a device or a network file system could keep the loop waiting. */
static int eab_key_from_fd(int fd, Bytes *ret) {
        uint8_t text[REQUEST_EAB_TEXT_MAX + 1];
        ssize_t n;
        int r;

        if (fcntl(fd, F_GET_SEALS) < 0)
                return -EINVAL;
        n = pread(fd, text, sizeof(text), 0);
        if (n < 0)
                return -errno;
        r = n > REQUEST_EAB_TEXT_MAX ? -EINVAL : request_eab_key(VIEW(text, n), ret);
        explicit_bzero(text, sizeof(text));
        return r;
}

static int read_eab_key(sd_bus_message *m, Job *j, sd_bus_error *error) {
        const char *contents, *text;
        char type;
        int fd, r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        bytes_erase(&j->eab_key);
        if (strcmp(contents, "h") == 0) {
                r = sd_bus_message_read(m, "v", "h", &fd);
                if (r < 0)
                        return r;
                r = eab_key_from_fd(fd, &j->eab_key);
        } else {
                r = sd_bus_message_read(m, "v", "s", &text);
                if (r < 0)
                        return r;
                r = request_eab_key(VIEW_STR(text), &j->eab_key);
        }
        if (r == -ENOMEM)
                return r;
        return r < 0 ? invalid(error, "eab-key is not a key in base64url, in a string or in a memfd.") : 0;
}

static int read_lifetime(sd_bus_message *m, Job *j, sd_bus_error *error) {
        uint64_t seconds;
        int r = sd_bus_message_read(m, "v", "t", &seconds);
        if (r < 0)
                return r;
        if (seconds > REQUEST_LIFETIME_MAX)
                return invalid(error, "lifetime is too long.");
        j->lifetime = (int64_t) seconds;
        return 0;
}

static int replace_string(char **p, const char *text) {
        char *copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 0;
}

static int take_ca_pem(Job *j, const char *text, sd_bus_error *error) {
        if (!request_roots_valid(VIEW_STR(text)))
                return invalid(error, "ca-pem must be certificates in PEM, 64 KiB at most.");
        bytes_done(&j->ca_pem);
        return bytes_copy(VIEW_STR(text), &j->ca_pem);
}

static int take_text_option(Job *j, const char *option, const char *text, sd_bus_error *error) {
        if (strcmp(option, "name") == 0)
                return *text && !request_name_valid(text)
                               ? invalid(error, "name has 1 to 64 letters, digits and . _ - : @ +, the first a letter "
                                                "or digit.")
                               : replace_string(&j->name, text);
        if (strcmp(option, "key") == 0)
                return job_key_from_string(text, &j->key) < 0 ? invalid(error, "key must be p-256 or rsa-2048.") : 0;
        if (strcmp(option, "ek") == 0)
                return job_ek_from_string(text, &j->ek) < 0
                               ? invalid(error, "ek must be rsa-2048, rsa-3072, rsa-4096, p-256 or p-384.")
                               : 0;
        if (strcmp(option, "ca-pem") == 0)
                return take_ca_pem(j, text, error);
        if (strcmp(option, "eab-kid") == 0)
                return strlen(text) > JOB_EAB_KID_MAX ? invalid(error, "eab-kid is too long.")
                                                      : replace_string(&j->eab_kid, text);
        return unknown_option(option, error);
}

static int read_option(sd_bus_message *m, const char *option, Job *j, sd_bus_error *error) {
        const char *text;
        int r;

        if (strcmp(option, "eab-key") == 0)
                return read_eab_key(m, j, error);
        if (strcmp(option, "lifetime") == 0)
                return read_lifetime(m, j, error);
        r = sd_bus_message_read(m, "v", "s", &text);
        if (r < 0)
                return r;
        return take_text_option(j, option, text, error);
}

typedef int (*OptionFunc)(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error);

static int wrong_type(const char *name, sd_bus_error *error) {
        char escaped[LOG_ESCAPED_MAX];

        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The value of option \"%s\" has the wrong type.",
                                 log_escape(name, strlen(name), escaped));
}

static int read_options(sd_bus_message *m, OptionFunc func, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                r = func(m, name, userdata, error);
                if (r == -ENXIO)
                        return wrong_type(name, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int on_enroll_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        return read_option(m, name, userdata, error);
}

static int read_urls(sd_bus_message *m, Job *j, sd_bus_error *error) {
        const char *acme, *attestation;
        int r;

        r = sd_bus_message_read(m, "ss", &acme, &attestation);
        if (r < 0)
                return r;
        if (*acme && (r = request_acme_url(acme, &j->acme_url)) < 0)
                return r == -ENOMEM ? r : invalid(error, "The ACME server's URL must be an https:// URL.");
        if (*attestation && (r = request_attestation_url(attestation, &j->attestation_url)) < 0)
                return r == -ENOMEM ? r : invalid(error, "The attestation server's URL must be an https:// URL "
                                                         "(http:// for this machine itself only).");
        return 0;
}

int enroll_request_read(sd_bus_message *m, Job *ret, sd_bus_error *error) {
        _cleanup_(job_done) Job j = { .kind = JOB_ENROLL };
        int r;

        r = read_urls(m, &j, error);
        if (r < 0)
                return r;
        r = read_options(m, on_enroll_option, &j, error);
        if (r < 0)
                return r;
        if (!j.eab_kid != !j.eab_key.data)
                return invalid(error, "eab-kid and eab-key belong together.");
        *ret = TAKE_GENERIC(j, (Job) {});
        return 0;
}

/* --- The other methods --- */

typedef struct OneOption {
        const char *name;
        bool flag;
        const char *text;
} OneOption;

static int expect_name(const char *name, const OneOption *o, sd_bus_error *error) {
        return o->name && strcmp(o->name, name) == 0 ? 0 : unknown_option(name, error);
}

static int on_flag(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        OneOption *o = userdata;
        int flag, r;

        r = expect_name(name, o, error);
        if (r < 0)
                return r;
        r = sd_bus_message_read(m, "v", "b", &flag);
        if (r < 0)
                return r;
        o->flag = flag;
        return 0;
}

static int on_string(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        OneOption *o = userdata;
        int r;

        r = expect_name(name, o, error);
        if (r < 0)
                return r;
        return sd_bus_message_read(m, "v", "s", &o->text);
}

int request_read_flag(sd_bus_message *m, const char *name, bool *ret, sd_bus_error *error) {
        OneOption o = { .name = name };
        int r = read_options(m, on_flag, &o, error);
        if (r < 0)
                return r;
        *ret = o.flag;
        return 0;
}

int request_read_string(sd_bus_message *m, const char *name, const char **ret, sd_bus_error *error) {
        OneOption o = { .name = name, .text = "" };
        int r = read_options(m, on_string, &o, error);
        if (r < 0)
                return r;
        *ret = o.text;
        return 0;
}

int request_read_nothing(sd_bus_message *m, sd_bus_error *error) {
        OneOption o = {};
        int r = read_options(m, on_flag, &o, error);
        return r < 0 ? r : 0;
}
