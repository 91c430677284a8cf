/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "cli/ca-trust.h"
#include "protocol/device-names.h"
#include "shared/files.h"

typedef struct Tested {
        Bytes certificates[EK_CERTIFICATES_MAX];
        size_t n;
} Tested;

static void tested_done(Tested *t) {
        for (size_t i = 0; i < t->n; i++)
                bytes_done(&t->certificates[i]);
}

static int take(ByteView der, void *userdata) {
        Tested *t = userdata;

        if (t->n == EK_CERTIFICATES_MAX)
                return -E2BIG;
        int r = bytes_copy(der, &t->certificates[t->n]);
        if (r >= 0)
                t->n++;
        return r;
}

static int read_file(Tested *t, const char *path) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int r = file_read(path, TRUST_STORE_FILE_MAX, &content);
        if (r >= 0)
                r = trust_store_each(bytes_view(&content), take, t);
        if (r == -E2BIG) {
                log_error("That is more than %u certificates.", EK_CERTIFICATES_MAX);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error_errno(r, "Could not read \"%s\": %m", path);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

/* What to do about it. */
static const char *hint(EkVerdict v) {
        switch (v) {
        case EK_VERDICT_UNKNOWN_ISSUER:
                return "Get that CA's certificate from the TPM's vendor, not from the certificate or its sender, and "
                       "add it: attezt ca trust add FILE. Or enrol the device with --pinned.";
        case EK_VERDICT_SHA1:
                return "Name the vendor in AllowSHA1EK= or AllowSHA1CA= of atteztd.conf, or enrol the device with "
                       "--pinned.";
        case EK_VERDICT_EXPIRED:
                return "See AllowExpiredEK= of atteztd.conf, or enrol the device with --pinned.";
        default:
                return NULL;
        }
}

static int hash_of(const Tested *t, char ret[static DEVICE_HASH_TEXT + 1]) {
        uint8_t hash[32];
        PublicKey key;

        int r = ek_certificate_key(bytes_view(&t->certificates[0]), &key);
        if (r >= 0)
                r = public_key_hash(&key, hash);
        if (r >= 0)
                device_hash_format(hash, ret);
        return r;
}

static int print_json(EkVerdict v, const char *hash, const EkFindings *f, const EkNotes *notes) {
        static const char *const kinds[] = {
                [EK_NOTE_GOOD] = "good", [EK_NOTE_BAD] = "bad", [EK_NOTE_REMARK] = "remark",
        };
        _cleanup_json_ struct json_object *o = json_object_new_object(), *steps = json_object_new_array();

        if (!o || !steps)
                return cli_failed(-ENOMEM, "make JSON");
        for (unsigned i = 0; i < notes->n; i++) {
                const EkNote *n = &notes->notes[i];
                struct json_object *s = json_object_new_object();
                if (!s || json_object_object_add(s, "result", json_object_new_string(kinds[n->kind])) < 0 ||
                    json_object_object_add(s, "text", json_object_new_string(n->text)) < 0 ||
                    json_object_array_add(steps, s) < 0)
                        return cli_failed(-ENOMEM, "make JSON");
        }
        if (json_object_object_add(o, "accepted", json_object_new_boolean(v == EK_VERDICT_TRUSTED)) < 0 ||
            json_object_object_add(o, "verdict", json_object_new_string(ek_verdict_to_string(v))) < 0 ||
            json_object_object_add(o, "ek-hash", json_object_new_string(hash)) < 0 ||
            json_object_object_add(o, "vendor", json_object_new_string(f->vendor)) < 0 ||
            json_object_object_add(o, "issuer", json_object_new_string(f->issuer)) < 0 ||
            json_object_object_add(o, "steps", json_object_get(steps)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

static void print_text(EkVerdict v, const char *hash, const EkNotes *notes) {
        static const char *const kinds[] = {
                [EK_NOTE_GOOD] = " ok ", [EK_NOTE_BAD] = " NO ", [EK_NOTE_REMARK] = "note",
        };

        if (*hash)
                printf("Endorsement Key: %s\n", hash);
        for (unsigned i = 0; i < notes->n; i++)
                printf("[%s] %s\n", kinds[notes->notes[i].kind], notes->notes[i].text);
        if (v == EK_VERDICT_TRUSTED)
                printf("Accepted.\n");
        else
                printf("Refused: %s.\n", ek_verdict_to_string(v));
        if (hint(v))
                printf("    %s\n", hint(v));
}

int verb_ca_trust_test(Cli *c, int argc, char **argv) {
        _cleanup_trust_view_ TrustView view = {};
        _cleanup_(tested_done) Tested t = {};
        ByteView views[EK_CERTIFICATES_MAX];
        char hash[DEVICE_HASH_TEXT + 1] = "";
        const char *directory = NULL;
        EkFindings findings;
        EkNotes notes;
        const CliOption options[] = {
                { "ek-roots", CLI_TEXT, &directory, "DIR", "Look at this directory and nothing else" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, EK_CERTIFICATES_MAX);
        int status = EXIT_SUCCESS;
        for (int i = 0; i < c->n_operands && status == EXIT_SUCCESS; i++)
                status = read_file(&t, c->operands[i]);
        if (status == EXIT_SUCCESS)
                status = trust_view_load(c, directory, &view);
        if (status != EXIT_SUCCESS)
                return status;
        for (size_t i = 0; i < t.n; i++)
                views[i] = bytes_view(&t.certificates[i]);

        EkVerdict v = ek_certificate_explain(view.trust, views, t.n, time(NULL), &findings, &notes);
        if (t.n > 0)
                (void) hash_of(&t, hash);
        if (c->json)
                status = print_json(v, hash, &findings, &notes);
        else
                print_text(v, hash, &notes);
        return status == EXIT_SUCCESS && v != EK_VERDICT_TRUSTED ? EXIT_FAILURE : status;
}
