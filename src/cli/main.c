/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/ca.h"

static const Verb verbs[] = {
        { "ca create", "[NAME]", "Create the attestation CA", verb_ca_create },
        { "ca root", "", "Print the CA's root certificate", verb_ca_root },
        { "ca enroll", "HASH [NAME…]", "Add a device, by its EK hash, to the inventory", verb_ca_enroll },
        { "ca pending", "", "Show the devices that wait for approval", verb_ca_pending },
        { "ca approve", "WORDS|HASH", "Add a device that waits", verb_ca_approve },
        { "ca deny", "WORDS|HASH", "Keep a device that waits out", verb_ca_deny },
        { "ca list", "", "List the inventory", verb_ca_list },
        { "ca lookup", "DEVICE", "Show a device, by its hash or one of its names", verb_ca_lookup },
        { "ca set", "DEVICE", "Change a device of the inventory", verb_ca_set },
        { "ca replace", "DEVICE [HASH]", "Let a new EK take a device's place: its board was changed", verb_ca_replace },
        { "ca remove", "DEVICE", "Remove a device from the inventory", verb_ca_remove },
        { "ca import", "FILE", "Add many devices from CSV or JSON lines, all or none", verb_ca_import },
        { "ca export", "", "Print the inventory as JSON lines or CSV", verb_ca_export },
        { "ca trust list", "", "List the roots and intermediates of TPM vendors", verb_ca_trust_list },
        { "ca trust add", "FILE…", "Trust the issuers of EK certificates in files", verb_ca_trust_add },
        { "ca trust remove", "FINGERPRINT", "Do not trust a root or intermediate any more", verb_ca_trust_remove },
        { "ca trust import", "DIR-OR-CAB", "Trust what is in a folder or in TrustedTpm.cab", verb_ca_trust_import },
        { "ca trust test", "CERT…", "Explain why an EK certificate would be accepted, or not", verb_ca_trust_test },
        { "ca issued", "[DEVICE]", "List the certificates that were issued, the newest first", verb_ca_issued },
        { "ca revoke", "SERIAL|DEVICE", "Revoke a certificate, or all of a device and disable it", verb_ca_revoke },
        { "ca log list", "", "List the record of what the CA signed", verb_ca_log_list },
        { "ca log verify", "", "Look whether the record is whole, and fits the certificates", verb_ca_log_verify },
        { "ca backup", "FILE", "Write keys, inventory and settings to a file, encrypted", verb_ca_backup },
        { "ca restore", "FILE", "Take keys, inventory and settings from a backup", verb_ca_restore },
        { "ca rotate", "", "Make another intermediate certificate", verb_ca_rotate },
        { "ca export-root-key", "FILE", "Write the root's key to a file, encrypted", verb_ca_export_root_key },
        { "ca remove-root-key", "FILE", "Remove the root's key, when that file holds it", verb_ca_remove_root_key },
        { "status", "", "Show this device's enrollment", verb_status },
        { "enroll", "", "Get a certificate for this device", verb_enroll },
        { "renew", "", "Get a new certificate, everything as recorded", verb_renew },
        { "unenroll", "", "Remove this device's keys and certificates", verb_unenroll },
        { "doctor", "", "Look for what is wrong on this machine, and how to mend it", verb_doctor },
        { "setup nss", "", "Show the token to NSS: Chromium and others, for this user", verb_setup_nss },
        { "setup chromium", "[URL…]", "Let Chromium take the certificate at these servers", verb_setup_chromium },
        { "setup firefox", "", "Show the token to Firefox, for all users", verb_setup_firefox },
        { "setup networkmanager", "CONNECTION", "Log in to a network (802.1X) with the certificate",
          verb_setup_networkmanager },
        { "certificate", "[ak]", "Print this device's certificates as PEM", verb_certificate },
        { "notify", "", "Tell on this desktop if the certificate cannot be renewed", verb_notify },
};

static void print_verbs(FILE *f, const char *first_word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *v = verbs + i;
                char left[64];

                if (first_word && strncmp(v->words, first_word, strlen(first_word)) != 0)
                        continue;
                (void) snprintf(left, sizeof(left), "%s %s", v->words, v->arguments);
                /* An ellipsis is three bytes wide and one column. */
                fprintf(f, "  %-*s %s\n", strstr(left, "…") ? 33 : 31, left, v->summary);
        }
}

/* Verbs of several words; longer ones first. */
static const struct {
        const char *word, *about;
} groups[] = {
        { "ca trust ", "Whose EK certificates the attestation CA on this machine believes." },
        { "ca ", "The attestation CA on this machine, and its inventory of devices." },
        { "setup ", "Other programs on this machine, and how they find the device's certificate." },
};

/* about: NULL for all verbs. */
static void print_help(FILE *f, const char *first_word, const char *about) {
        fprintf(f, "attezt [OPTIONS…] %sVERB …\n\n%s\n\nVerbs:\n", first_word ?: "",
                about ?: "Certificates for machines that prove who they are with their TPM.");
        print_verbs(f, first_word);
        fprintf(f, "\nOptions:\n"
                   "  --help                       Show this, or the help of a verb\n"
                   "  --version                    Show the version\n"
                   "  --json                       Print data as JSON\n"
                   "  --no-ask-password            Do not ask for passwords\n"
                   "  --verbose                    Say more\n"
                   "\nExit status: 0 success, 1 failure, 2 wrong usage, 3 this machine is not enrolled,\n"
                   "4 no such device, 5 permission denied, 75 not reachable or busy, try again.\n");
}

/* How many arguments these words are, if they are what argv begins with; 0 if not. */
static int match(const char *w, int argc, char **argv) {
        int n = 0;

        while (*w) {
                size_t k = strcspn(w, " ");
                if (n >= argc || strlen(argv[n]) != k || strncmp(argv[n], w, k) != 0)
                        return 0;
                n++;
                w += k;
                w += strspn(w, " ");
        }
        return n;
}

static int unknown_verb(int argc, char **argv) {
        const char *odd = argc > 0 ? argv[0] : NULL;

        if (!odd) {
                print_help(stderr, NULL, NULL);
                return EXIT_USAGE;
        }
        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                int n = match(groups[i].word, argc, argv);
                if (n == 0)
                        continue;
                if (argc == n || strcmp(argv[n], "--help") == 0) {
                        print_help(argc == n ? stderr : stdout, groups[i].word, groups[i].about);
                        return argc == n ? EXIT_USAGE : EXIT_SUCCESS;
                }
                odd = argv[n];
                break;
        }

        char escaped[LOG_ESCAPED_MAX];
        log_error("There is no verb \"%s\"; see \"attezt --help\".", log_escape(odd, strlen(odd), escaped));
        return EXIT_USAGE;
}

/* Options before the verb. */
static void parse_options(Cli *c, int argc, char **argv) {
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                { "json", no_argument, NULL, 'j' },
                { "no-ask-password", no_argument, NULL, 'n' },
                { "verbose", no_argument, NULL, 'V' },
                {},
        };

        for (int o; (o = getopt_long(argc, argv, "+h", options, NULL)) >= 0;)
                switch (o) {
                case 'h':
                        print_help(stdout, NULL, NULL);
                        exit(EXIT_SUCCESS);
                case 'v':
                        puts("attezt " ATTEZT_VERSION);
                        exit(EXIT_SUCCESS);
                case 'j':
                        c->json = true;
                        break;
                case 'n':
                        c->no_ask_password = true;
                        break;
                case 'V':
                        log_set_max_level(LOG_DEBUG);
                        break;
                default:
                        exit(EXIT_USAGE);
                }
}

int main(int argc, char **argv) {
        Cli c = {};

        log_open("attezt");
        parse_options(&c, argc, argv);
        argc -= optind;
        argv += optind;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                int n = match(verbs[i].words, argc, argv);
                if (n == 0)
                        continue;
                c.verb = verbs + i;
                argv[n - 1] = program_invocation_short_name; /* what getopt() names in its messages */
                int status = c.verb->run(&c, argc - n + 1, argv + n - 1);
                if (status == EXIT_SUCCESS)
                        ca_remind_of_backup(&c);
                cli_password_agent_close(&c);
                sd_bus_flush_close_unref(c.bus);
                if (fflush(stdout) != 0 || ferror(stdout))
                        return log_error("Could not write the output."), EXIT_FAILURE;
                return status;
        }
        return unknown_verb(argc, argv);
}
