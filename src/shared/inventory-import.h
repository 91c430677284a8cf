/* SPDX-License-Identifier: MIT */
#pragma once

/* Many devices in one transaction: all of them or none. They come as rows in memory that stays as it is (a sealed
 * memfd, mapped), and are added a few at each turn of the loop, so that readings are answered meanwhile; other changes
 * wait, since there is one transaction. Why not pages of calls: each would be a question to polkit, and half an import
 * would have to be kept for a caller who may not come back. */
#include "protocol/device-rows.h"
#include "shared/inventory.h"

#define IMPORT_ROWS_PER_TURN 32U
#define IMPORT_PROBLEMS_MAX 100U     /* told of one import; after them it stops */
#define IMPORT_PROGRESS_ROWS 1000U   /* how often it is told */

typedef enum ImportProblem {
        IMPORT_EXISTS,         /* with other settings */
        IMPORT_NAME_TAKEN,
        IMPORT_PINNED,         /* and that was not allowed */
        IMPORT_ANY_NAME,
        IMPORT_LONG_LIFETIME,
        _IMPORT_PROBLEM_MAX,
} ImportProblem;

const char *import_problem_to_string(ImportProblem p); /* for people */

typedef struct ImportTerms {
        ByteView rows;         /* of protocol/device-rows; must stay until the answer */
        int64_t now;           /* seconds since the epoch */
        bool dry_run;          /* only look what would come of it */
        bool pinned, any_name, long_lifetime; /* rows may have that */
} ImportTerms;

typedef struct ImportResult {
        uint32_t rows, added, unchanged; /* unchanged: was there, the same */
        uint32_t n_problems;             /* if there are any, nothing was added */
        struct {
                uint32_t row;            /* from 1 */
                ImportProblem problem;
        } problems[IMPORT_PROBLEMS_MAX];
} ImportResult;

typedef struct ImportCallbacks {
        void (*progress)(uint32_t row, uint32_t rows, void *userdata);
        /* error: -EBADMSG the rows are malformed, or the store failed; result is NULL then. */
        void (*done)(int error, const ImportResult *result, void *userdata);
} ImportCallbacks;

int inventory_import(Inventory *inv, const ImportTerms *terms, const ImportCallbacks *cb, void *userdata);
