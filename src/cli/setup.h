/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs "attezt setup …" share: they change one file of another program, and nothing in it that is not
 * theirs. */
#include "cli/cli.h"

#define SETUP_NAME "attezt" /* of what they add */
#define SETUP_PROXY "p11-kit-proxy.so"

/* Where the files are; doctor looks at them, too. */
#define CHROMIUM_POLICIES "/etc/chromium/policies/managed"
#define CHROME_POLICIES "/etc/opt/chrome/policies/managed"
#define CHROMIUM_POLICY_FILE "attezt.json"
#define FIREFOX_POLICY_FILE "/etc/firefox/policies/policies.json"
#define NSS_MODULES_FILE "pkcs11.txt"

typedef struct SetupFile {
        char *path;    /* a symbolic link's target */
        Bytes content; /* empty: it is not there */
} SetupFile;

void setup_file_done(SetupFile *f);
#define _cleanup_setup_file_ _cleanup_(setup_file_done)

/* All return an exit status, having told why not. */
int setup_read(const char *path, size_t max, SetupFile *ret);
/* Makes content what is in the file (empty: removes the file), in one step, and tells: on standard error, or as JSON.
 * dry_run: prints it instead. */
int setup_write(const Cli *c, const SetupFile *f, ByteView content, bool dry_run);
/* The file is none that can be changed: it stays as it is. */
int setup_refuse(const SetupFile *f, int error);
/* The path of p11-kit's proxy module, by which programs see all tokens that p11-kit knows. */
int setup_find_proxy(char **ret);
/* The common name of who issued this device's certificate. -errno, told nowhere. */
int setup_issuer(char **ret);
/* Chromium takes AutoSelectCertificateForUrls from one file only. 1: another one in that directory has it, *ret; 0. */
int setup_chromium_rival(const char *dir, char **ret);
/* This user's NSS database: the one that is there, or the one that Chromium would make. */
int setup_nss_directory(char **ret);
/* A user's directory, without links, if it is this user's: root gets none to which others may write, or in one of
 * theirs. option: as it was given with --database, or NULL. Exit status. */
int setup_own_place(const char *dir, const char *option, char **ret);
/* Where Firefox has its policies, if FIREFOX_POLICY_FILE is not there; NULL: nowhere. A static string. */
const char *setup_firefox_distribution(void);
