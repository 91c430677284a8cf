/* SPDX-License-Identifier: MIT */
#include "shared/inventory-import.h"

typedef struct Import {
        Operation operation;
        ImportCallbacks callbacks;
        ImportTerms terms;
        DeviceRows rows;
        ImportResult result;
        bool stopped; /* nothing is to be kept, and that is no failure */
} Import;

static void add_problem(Import *i, ImportProblem p) {
        ImportResult *r = &i->result;

        if (r->n_problems >= IMPORT_PROBLEMS_MAX)
                return;
        r->problems[r->n_problems].row = i->rows.next;
        r->problems[r->n_problems++].problem = p;
}

static bool allowed(Import *i, const Device *d) {
        const ImportTerms *t = &i->terms;
        bool long_lifetime = d->ak_lifetime > DEVICE_LIFETIME_LONG;

        if (d->pinned && !t->pinned)
                add_problem(i, IMPORT_PINNED);
        else if (d->any_name && !t->any_name)
                add_problem(i, IMPORT_ANY_NAME);
        else if (long_lifetime && !t->long_lifetime)
                add_problem(i, IMPORT_LONG_LIFETIME);
        else
                return true;
        return false;
}

static int import_row(DeviceStore *s, Import *i, Device *d) {
        if (!allowed(i, d))
                return 0;
        d->created = i->terms.now;
        int r = device_store_import(s, d);
        if (r == -EEXIST)
                add_problem(i, IMPORT_EXISTS);
        else if (r == -ENOTUNIQ)
                add_problem(i, IMPORT_NAME_TAKEN);
        else if (r < 0)
                return r;
        else if (r > 0)
                i->result.added++;
        else
                i->result.unchanged++;
        return 0;
}

static int work_import(DeviceStore *s, Operation *base) {
        Import *i = (Import *) base;
        Device d;

        for (unsigned n = 0; n < IMPORT_ROWS_PER_TURN && i->result.n_problems < IMPORT_PROBLEMS_MAX; n++) {
                int r = device_rows_next(&i->rows, &d);
                if (r > 0)
                        r = import_row(s, i, &d);
                else if (r == 0) {
                        i->stopped = i->result.n_problems > 0 || i->terms.dry_run;
                        return i->stopped ? -ECANCELED : 0;
                }
                if (r < 0)
                        return r;
                if (i->rows.next % IMPORT_PROGRESS_ROWS == 0)
                        i->callbacks.progress(i->rows.next, i->rows.n, base->userdata);
        }
        if (i->result.n_problems < IMPORT_PROBLEMS_MAX)
                return -EAGAIN;
        i->stopped = true;
        return -ECANCELED;
}

static void answer_import(const Operation *base) {
        const Import *i = (const Import *) base;

        if (base->result < 0 && !i->stopped)
                i->callbacks.done(base->result, NULL, base->userdata);
        else
                i->callbacks.done(0, &i->result, base->userdata);
}

int inventory_import(Inventory *inv, const ImportTerms *terms, const ImportCallbacks *cb, void *userdata) {
        Operation *base;
        DeviceRows rows;

        int r = device_rows_open(terms->rows, &rows);
        if (r >= 0)
                r = operation_new(inv->queue, sizeof(Import), userdata, &base);
        if (r < 0)
                return r;
        Import *i = (Import *) base;
        base->kind = OPERATION_ALONE;
        base->work = work_import;
        base->answer = answer_import;
        i->callbacks = *cb;
        i->terms = *terms;
        i->rows = rows;
        i->result.rows = rows.n;
        operation_submit(inv->queue, base);
        return 0;
}

const char *import_problem_to_string(ImportProblem p) {
        static const char *const texts[] = {
                [IMPORT_EXISTS] = "the device is in the inventory already, with other names or settings",
                [IMPORT_NAME_TAKEN] = "one of its names belongs to another device",
                [IMPORT_PINNED] = "it is pinned, which has to be allowed (--allow-pinned)",
                [IMPORT_ANY_NAME] = "it may order any name, which has to be allowed (--allow-any-name)",
                [IMPORT_LONG_LIFETIME] = "its AK certificates last longer than 30 days, which has to be allowed "
                                         "(--allow-long-lifetime)",
        };
        _Static_assert(ELEMENTSOF(texts) == _IMPORT_PROBLEM_MAX, "every problem has a text");

        return p < _IMPORT_PROBLEM_MAX ? texts[p] : "unknown problem";
}
