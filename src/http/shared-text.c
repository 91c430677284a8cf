/* SPDX-License-Identifier: MIT */
#include "http/shared-text.h"

#include <stdlib.h>

struct SharedText {
        Bytes text;
        unsigned n_refs;
};

int shared_text_new(Bytes *text, SharedText **ret) {
        SharedText *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->text = TAKE_BYTES(*text);
        t->n_refs = 1;
        *ret = t;
        return 0;
}

SharedText *shared_text_ref(SharedText *t) {
        t->n_refs++;
        return t;
}

SharedText *shared_text_unref(SharedText *t) {
        if (t && --t->n_refs == 0) {
                bytes_done(&t->text);
                free(t);
        }
        return NULL;
}

ByteView shared_text_view(const SharedText *t) {
        return t ? bytes_view(&t->text) : VIEW_NULL;
}
