/* SPDX-License-Identifier: MIT */
#include "agent/signer.h"

#include "agent/signer-queue.h"
#include "shared/helper.h"
#include "shared/log.h"
#include "shared/names.h"

#define USEC_PER_SEC 1000000ULL
#define OVERDUE_LOG_USEC (60 * USEC_PER_SEC) /* one line for many */

/* Waiting: in the signer's queue. Under way: the signer's current one. Else its completion is running, which may end
 * the signer. */
struct SignerRequest {
        QueueItem item; /* the first member */
        Signer *signer;
        SignerDone done; /* NULL: forgotten, or called */
        void *userdata;
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE];
};

struct Signer {
        sd_event *event;
        char *socket_path, *tcti, *state_dir, *program;
        uint64_t limit_usec, wait_usec;
        SignerQueue waiting;
        SignerRequest *current;
        Helper *helper;
        bool reused; /* the helper was there before the current request */
        uint64_t n_done[_TOKEN_STATUS_MAX];
        uint64_t told_after; /* CLOCK_BOOTTIME: no line about those who waited too long before */
        sd_event_source *timer, *wait_timer, *work;
};

static SignerRequest *request_free(SignerRequest *r) {
        if (r)
                explicit_bzero(r->packet, sizeof(r->packet));
        free(r);
        return NULL;
}

static SignerRequest *request_of(QueueItem *i) {
        return (SignerRequest *) i;
}

static uint64_t now(const Signer *s) {
        uint64_t t = 0;

        (void) sd_event_now(s->event, CLOCK_BOOTTIME, &t);
        return t;
}

/* --- Completions: the last thing that a turn of the loop does, since they may free the signer --- */

static void complete(SignerRequest *r, const TokenResult *result) {
        SignerDone done = TAKE_PTR(r->done);

        r->signer->n_done[result->status]++;
        if (done)
                done(result, r->userdata);
        (void) request_free(r);
}

static void complete_with(SignerRequest *r, TokenStatus status) {
        TokenResult result = { .status = status };
        complete(r, &result);
}

/* The next turn looks whether there is something to do. */
static void look_later(Signer *s) {
        (void) sd_event_source_set_enabled(s->work, SD_EVENT_ONESHOT);
}

static SignerRequest *take_current(Signer *s) {
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        look_later(s);
        return TAKE_PTR(s->current);
}

static void finish_with(Signer *s, TokenStatus status) {
        complete_with(take_current(s), status);
}

/* --- The helper --- */

static void on_message(Helper *h, ByteView packet, void *userdata) {
        _cleanup_(token_result_erase) TokenResult result = {};
        Signer *s = userdata;

        if (s->current && token_result_decode(packet, &result) >= 0) {
                if (result.status == TOKEN_TIMEOUT) /* it is about to end: its TPM hangs */
                        s->helper = helper_free(s->helper);
                complete(take_current(s), &result);
                return;
        }
        log_error("attezt-tpm-signer sent a message that makes no sense. Are attezt-agent and attezt-tpm-signer of "
                  "the same version?");
        s->helper = helper_free(s->helper);
        if (s->current)
                finish_with(s, TOKEN_FAILED);
}

static int open_helper(Signer *s);

static int send_current(Signer *s) {
        return helper_send(s->helper, VIEW_ARRAY(s->current->packet));
}

static int send_to_new_helper(Signer *s) {
        int r;

        s->helper = helper_free(s->helper);
        s->reused = false;
        r = open_helper(s);
        return r < 0 ? r : send_current(s);
}

static void fail_to_start(Signer *s, int r) {
        s->helper = helper_free(s->helper);
        (void) log_error_errno(r, "Cannot start attezt-tpm-signer: %m");
        finish_with(s, TOKEN_FAILED);
}

/* A helper that was idle may have ended just when the request was on its way. One of our own tells by its status;
 * a unit's is believed once, the next one is new. */
static bool ended_idle(const Signer *s, const Helper *h) {
        return s->reused && (helper_pid(h) == 0 || helper_exit_status(h) == 0);
}

static void on_gone(Helper *h, const char *how, void *userdata) {
        Signer *s = userdata;
        bool again = ended_idle(s, h);

        if (!s->current || again)
                log_debug("attezt-tpm-signer has gone: %s", how);
        else
                log_error("attezt-tpm-signer ended before it answered: %s", how);
        s->helper = helper_free(s->helper); /* how is gone, too */
        if (s->current && again) {
                int r = send_to_new_helper(s);
                if (r < 0)
                        fail_to_start(s, r);
        } else if (s->current)
                finish_with(s, TOKEN_FAILED);
}

static const HelperCallbacks helper_callbacks = { .message = on_message, .gone = on_gone };

static int spawn_helper(Signer *s) {
        _cleanup_free_ char *found = NULL;
        const char *argv[6];
        size_t n = 0;

        if (!s->program) {
                int r = helper_program_path("attezt-tpm-signer", &found);
                if (r < 0)
                        return r;
        }
        argv[n++] = s->program ?: found;
        if (s->tcti) {
                argv[n++] = "--tcti";
                argv[n++] = s->tcti;
        }
        if (s->state_dir) {
                argv[n++] = "--state-dir";
                argv[n++] = s->state_dir;
        }
        argv[n] = NULL;
        return helper_spawn((char *const *) argv, NULL, 0, s->event, &helper_callbacks, s, &s->helper);
}

static int open_helper(Signer *s) {
        if (s->socket_path)
                return helper_connect(s->socket_path, s->event, &helper_callbacks, s, &s->helper);
        if (access(ATTEZT_TPM_SIGNER_SOCKET, F_OK) >= 0)
                return helper_connect(ATTEZT_TPM_SIGNER_SOCKET, s->event, &helper_callbacks, s, &s->helper);
        return spawn_helper(s);
}

/* --- The loop --- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Signer *s = userdata;

        log_error("attezt-tpm-signer did not answer in time: the TPM may be busy or hang");
        s->helper = helper_free(s->helper);
        finish_with(s, TOKEN_TIMEOUT);
        return 0;
}

static int set_timer(Signer *s) {
        int r = sd_event_source_set_time_relative(s->timer, s->limit_usec);
        return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static void start_current(Signer *s) {
        int r;

        s->reused = s->helper;
        r = set_timer(s);
        if (r >= 0 && (!s->helper || send_current(s) < 0)) /* or at its end, which the loop has not seen yet */
                r = send_to_new_helper(s);
        if (r < 0)
                fail_to_start(s, r);
}

/* Somebody may have waited too long. */
static int on_wait_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        look_later(userdata);
        return 0;
}

static int set_wait_timer(Signer *s) {
        uint64_t deadline = signer_queue_deadline(&s->waiting);
        int r;

        if (deadline == UINT64_MAX)
                return sd_event_source_set_enabled(s->wait_timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(s->wait_timer, deadline);
        return r < 0 ? r : sd_event_source_set_enabled(s->wait_timer, SD_EVENT_ONESHOT);
}

static void tell_overdue(Signer *s) {
        uint64_t t = now(s);

        if (t < s->told_after)
                return;
        s->told_after = t + OVERDUE_LOG_USEC;
        log_warning("An operation with the device key had to wait too long behind others and is refused.");
}

/* One completion at most. */
static int on_work(sd_event_source *source, void *userdata) {
        Signer *s = userdata;
        QueueItem *overdue = signer_queue_take_overdue(&s->waiting, now(s)), *next = NULL;

        if (!overdue && !s->current)
                next = signer_queue_take(&s->waiting);
        (void) set_wait_timer(s);
        if (overdue) {
                look_later(s);
                tell_overdue(s);
                complete_with(request_of(overdue), TOKEN_BUSY);
        } else if (next) {
                s->current = request_of(next);
                start_current(s);
        }
        return 0;
}

/* --- What others call --- */

static int copy(const char *from, char **ret) {
        if (from && !(*ret = strdup(from)))
                return -ENOMEM;
        return 0;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Signer *, signer_free)

int signer_new(sd_event *event, const SignerSettings *settings, Signer **ret) {
        _cleanup_(signer_freep) Signer *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(event);
        s->limit_usec = settings->limit_usec ?: SIGNER_LIMIT_SEC * USEC_PER_SEC;
        s->wait_usec = settings->wait_usec ?: SIGNER_WAIT_SEC * USEC_PER_SEC;
        if ((r = copy(settings->socket_path, &s->socket_path)) < 0 || (r = copy(settings->tcti, &s->tcti)) < 0 ||
            (r = copy(settings->state_dir, &s->state_dir)) < 0 || (r = copy(settings->program, &s->program)) < 0 ||
            (r = sd_event_add_time_relative(event, &s->timer, CLOCK_BOOTTIME, s->limit_usec, 0, on_timer, s)) < 0 ||
            (r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF)) < 0 ||
            (r = sd_event_add_time(event, &s->wait_timer, CLOCK_BOOTTIME, UINT64_MAX, 0, on_wait_timer, s)) < 0 ||
            (r = sd_event_source_set_enabled(s->wait_timer, SD_EVENT_OFF)) < 0 ||
            (r = sd_event_add_defer(event, &s->work, on_work, s)) < 0 ||
            (r = sd_event_source_set_enabled(s->work, SD_EVENT_OFF)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Signer *signer_free(Signer *s) {
        if (!s)
                return NULL;
        (void) helper_free(s->helper);
        (void) sd_event_source_disable_unref(s->timer);
        (void) sd_event_source_disable_unref(s->wait_timer);
        (void) sd_event_source_disable_unref(s->work);
        for (QueueItem *i; (i = signer_queue_take(&s->waiting));)
                (void) request_free(request_of(i));
        (void) request_free(s->current);
        free(s->socket_path);
        free(s->tcti);
        free(s->state_dir);
        free(s->program);
        (void) sd_event_unref(s->event);
        free(s);
        return NULL;
}

int signer_submit(Signer *s, uid_t owner, const TokenOperation *o, SignerDone done, void *userdata,
                  SignerRequest **ret) {
        SignerRequest *request = calloc(1, sizeof(*request));
        int r;

        if (!request)
                return -ENOMEM;
        r = token_operation_encode(o, request->packet);
        if (r < 0) {
                (void) request_free(request);
                return r;
        }
        request->signer = s;
        request->done = done;
        request->userdata = userdata;
        request->item.owner = owner;
        request->item.deadline = now(s) + s->wait_usec;
        signer_queue_put(&s->waiting, &request->item);
        look_later(s);
        *ret = request;
        return 0;
}

uint64_t signer_n_done(const Signer *s, TokenStatus status) {
        return s->n_done[status];
}

void signer_forget(SignerRequest *r) {
        Signer *s = r->signer;

        if (!r->done)
                return;
        if (signer_queue_remove(&s->waiting, &r->item))
                (void) request_free(r);
        else
                r->done = NULL;
}
