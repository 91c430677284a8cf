/* SPDX-License-Identifier: MIT */
/* The queue before the signer. The helpers are this program again: --state-dir says what they do; or a server at a
 * socket, in the same loop. */
#include "agent/signer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "shared/helper.h"
#include "test.h"

#define PATIENCE_USEC (20ULL * 1000 * 1000)
#define SHORT_USEC (400U * 1000)
#define ASKED_MAX 512U

/* --- The helpers --- */

static void answer_with(int fd, const TokenOperation *o, TokenStatus status) {
        uint8_t packet[TOKEN_RESULT_ENCODED_SIZE];
        TokenResult r = { .status = status };
        uint32_t pid = (uint32_t) getpid();

        if (status == TOKEN_OK) {
                r.size = 12;
                memcpy(r.data, &o->generation, 8);
                memcpy(r.data + 8, &pid, 4);
        }
        check_int(token_result_encode(&r, packet), 0);
        (void) send(fd, packet, sizeof(packet), MSG_NOSIGNAL);
}

static void answer(int fd, const TokenOperation *o) {
        answer_with(fd, o, TOKEN_OK);
}

static bool receive(int fd, TokenOperation *ret) {
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE + 1];
        ssize_t n = recv(fd, packet, sizeof(packet), 0);

        return n > 0 && token_operation_decode(VIEW(packet, n), ret) >= 0;
}

static int child_main(const char *what) {
        TokenOperation o;
        unsigned n = 0;

        int log = open(getenv("TEST_STARTS"), O_WRONLY | O_APPEND);
        check(log >= 0 && write(log, "x", 1) == 1);
        if (strcmp(what, "crash") == 0)
                return 1;
        while (receive(HELPER_FD, &o)) {
                n++;
                if (strcmp(what, "hang") == 0)
                        return pause();
                if (strcmp(what, "nonsense") == 0)
                        return send(HELPER_FD, "x", 1, 0) == 1 ? pause() : 1;
                if (n > 1 && strcmp(what, "idle-end") == 0)
                        return 0;
                if (n > 1 && strcmp(what, "crash-second") == 0)
                        return 3;
                if (strcmp(what, "locked") == 0) {
                        answer_with(HELPER_FD, &o, TOKEN_LOCKOUT);
                        continue;
                }
                if (strcmp(what, "limit") == 0) {
                        answer_with(HELPER_FD, &o, TOKEN_TIMEOUT);
                        return 3;
                }
                if (strcmp(what, "twice") == 0)
                        answer(HELPER_FD, &o);
                answer(HELPER_FD, &o);
                if (strcmp(what, "one") == 0)
                        return 0;
        }
        return 0;
}

/* --- The askers --- */

typedef struct Rig {
        sd_event *event;
        Signer *signer;
        char starts[32];
        int listener;
        unsigned n_asked, n_done, refuse_answers;
        TokenStatus status[ASKED_MAX];
        uint32_t pid[ASKED_MAX];
        unsigned order[ASKED_MAX];
        bool inside; /* of submit */
} Rig;

typedef struct Asker {
        Rig *rig;
        unsigned number;
        SignerRequest *request;
} Asker;

static Rig rig;
static Asker askers[ASKED_MAX];

static void on_done(const TokenResult *result, void *userdata) {
        Asker *a = userdata;
        uint64_t generation;

        check(!rig.inside);
        check(a->request);
        a->request = NULL;
        rig.status[a->number] = result->status;
        rig.order[rig.n_done++] = a->number;
        if (result->status == TOKEN_OK) {
                check_int(result->size, 12);
                memcpy(&generation, result->data, 8);
                check_int(generation, a->number + 1);
                memcpy(&rig.pid[a->number], result->data + 8, 4);
        } else
                check_int(result->size, 0);
}

static TokenOperation operation(unsigned number) {
        TokenOperation o = { .generation = number + 1, .kind = TOKEN_SIGN_ECDSA, .data_size = 32 };
        return o;
}

static Asker *ask_as(uid_t owner) {
        Asker *a = &askers[rig.n_asked];
        TokenOperation o = operation(rig.n_asked);

        *a = (Asker) { .rig = &rig, .number = rig.n_asked++ };
        rig.inside = true;
        check_int(signer_submit(rig.signer, owner, &o, on_done, a, &a->request), 0);
        rig.inside = false;
        return a;
}

static Asker *ask(void) {
        return ask_as(1000);
}

static int out_of_patience(sd_event_source *s, uint64_t usec, void *userdata) {
        check(!"waited long enough");
        return 0;
}

static void rig_start_with(const char *what, const char *socket_path, uint64_t limit_usec, uint64_t wait_usec) {
        SignerSettings settings = { .state_dir = what, .program = "/proc/self/exe", .socket_path = socket_path,
                                    .limit_usec = limit_usec, .wait_usec = wait_usec };

        rig = (Rig) { .starts = "/tmp/test-signer.XXXXXX" };
        int fd = mkstemp(rig.starts);
        check(fd >= 0);
        (void) close(fd);
        check_int(setenv("TEST_STARTS", rig.starts, 1), 0);
        check(sd_event_new(&rig.event) >= 0);
        check(sd_event_add_time_relative(rig.event, NULL, CLOCK_MONOTONIC, PATIENCE_USEC, 0, out_of_patience,
                                         NULL) >= 0);
        check_int(signer_new(rig.event, &settings, &rig.signer), 0);
}

static void rig_start(const char *what, const char *socket_path, uint64_t limit_usec) {
        rig_start_with(what, socket_path, limit_usec, 0);
}

/* A helper that began and was ended in the same moment may not have written. */
static unsigned starts(void) {
        int fd = open(rig.starts, O_RDONLY);
        off_t size = lseek(fd, 0, SEEK_END);

        (void) close(fd);
        return (unsigned) size;
}

static void rig_end(void) {
        rig.signer = signer_free(rig.signer);
        (void) unlink(rig.starts);
        rig.event = sd_event_unref(rig.event);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}

static void run_until(unsigned n_done) {
        while (rig.n_done < n_done)
                check(sd_event_run(rig.event, UINT64_MAX) >= 0);
        check_int(rig.n_done, n_done);
}

static void run_for(uint64_t usec) {
        uint64_t now, end;

        check(sd_event_now(rig.event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + usec; now < end;) {
                check(sd_event_run(rig.event, end - now) >= 0);
                check(sd_event_now(rig.event, CLOCK_MONOTONIC, &now) >= 0);
        }
}

/* --- Tests --- */

static void test_order(void) {
        rig_start("answer", NULL, 0);
        run_for(50 * 1000);
        check_int(starts(), 0); /* nothing before the first operation */
        for (unsigned i = 0; i < 20; i++)
                (void) ask();
        check_int(rig.n_done, 0);
        run_until(20);
        for (unsigned i = 0; i < 20; i++) {
                check_int(rig.order[i], i);
                check_int(rig.status[i], TOKEN_OK);
                check_int(rig.pid[i], rig.pid[0]);
        }
        check_int(starts(), 1);
        rig_end();
}

static void test_not_an_operation(void) {
        SignerRequest *request = NULL;
        TokenOperation o = operation(1);

        rig_start("answer", NULL, 0);
        o.salt_size = 1;
        check_int(signer_submit(rig.signer, 0, &o, on_done, NULL, &request), -EINVAL);
        check(!request);
        rig_end();
}

/* One user's many operations keep another's single one waiting for one of them, not for all. */
static void test_turns(void) {
        rig_start("answer", NULL, 0);
        for (unsigned i = 0; i < 40; i++)
                (void) ask_as(1000);
        (void) ask_as(1001);
        run_until(41);
        check_int(rig.order[1], 40);
        check_int(rig.order[40], 39);
        rig_end();
}

/* A signer that hangs is given up after its limit; who waits behind it, after his own. */
static void test_busy(void) {
        rig_start_with("hang", NULL, 4 * SHORT_USEC, SHORT_USEC);
        for (unsigned i = 0; i < 4; i++)
                (void) ask_as(1000 + i % 2);
        run_until(3);
        for (unsigned i = 1; i < 4; i++)
                check_int(rig.status[i], TOKEN_BUSY);
        check_int(rig.status[0], 0);
        run_until(4);
        check_int(rig.status[0], TOKEN_TIMEOUT);
        check_int(starts(), 1);
        rig_end();
}

static void test_forget(void) {
        rig_start("answer", NULL, 0);
        Asker *first = ask(), *second = ask();
        (void) ask();
        check(sd_event_run(rig.event, UINT64_MAX) > 0); /* one turn: the first one is under way */
        signer_forget(TAKE_PTR(second->request));
        signer_forget(TAKE_PTR(first->request));
        (void) ask();
        while (rig.status[3] != TOKEN_OK || rig.pid[3] == 0)
                check(sd_event_run(rig.event, UINT64_MAX) >= 0);
        check_int(rig.n_done, 2);
        check_int(rig.order[0], 2);
        check_int(rig.order[1], 3);

        /* The last of the queue, then a new one. */
        for (unsigned i = 0; i < 6; i++)
                (void) ask();
        signer_forget(TAKE_PTR(askers[rig.n_asked - 1].request));
        signer_forget(TAKE_PTR(askers[rig.n_asked - 2].request));
        unsigned before = rig.n_done;
        (void) ask();
        run_until(before + 5);
        check_int(rig.order[rig.n_done - 1], rig.n_asked - 1);
        rig_end();
}

static void test_timeout(void) {
        rig_start("hang", NULL, SHORT_USEC);
        (void) ask();
        (void) ask();
        run_until(1);
        check_int(rig.status[0], TOKEN_TIMEOUT);
        run_until(2); /* its own time, from its own start, with a helper of its own */
        check_int(rig.status[1], TOKEN_TIMEOUT);
        check_int(starts(), 2);
        run_for(2 * SHORT_USEC);
        rig_end();
}

/* The helper's own limit: what comes next is not sent to one that is about to end. */
static void test_timeout_of_helper(void) {
        rig_start("limit", NULL, 0);
        for (unsigned i = 0; i < 3; i++)
                (void) ask();
        run_until(3);
        for (unsigned i = 0; i < 3; i++)
                check_int(rig.status[i], TOKEN_TIMEOUT);
        rig_end();
}

/* What the helper says is passed on, and it stays. */
static void test_status(void) {
        rig_start("locked", NULL, 0);
        (void) ask();
        (void) ask();
        run_until(2);
        check_int(rig.status[0], TOKEN_LOCKOUT);
        check_int(rig.status[1], TOKEN_LOCKOUT);
        check_int(starts(), 1);
        rig_end();
}

static void test_forgotten_timeout(void) {
        rig_start("hang", NULL, SHORT_USEC);
        Asker *a = ask();
        run_for(SHORT_USEC / 2);
        signer_forget(TAKE_PTR(a->request));
        (void) ask();
        run_until(1);
        check_int(rig.order[0], 1);
        rig_end();
}

/* A helper that ended for want of work is nothing to tell the asker, be it seen before, on the way or after. */
static void test_idle_end(void) {
        rig_start("one", NULL, 0);
        for (unsigned i = 0; i < 3; i++) {
                (void) ask();
                run_until(i + 1);
                check_int(rig.status[i], TOKEN_OK);
                if (i == 0)
                        run_for(200 * 1000);
                else
                        (void) usleep(100 * 1000); /* the end is there, the loop has not looked */
        }
        check(rig.pid[0] != rig.pid[1] && rig.pid[1] != rig.pid[2]);
        rig_end();

        rig_start("idle-end", NULL, 0);
        for (unsigned i = 0; i < 4; i++)
                (void) ask();
        run_until(4);
        for (unsigned i = 0; i < 4; i++)
                check_int(rig.status[i], TOKEN_OK);
        check_int(starts(), 4);
        rig_end();
}

static void test_crash(void) {
        rig_start("crash", NULL, 0);
        for (unsigned i = 0; i < 3; i++)
                (void) ask();
        run_until(3);
        for (unsigned i = 0; i < 3; i++)
                check_int(rig.status[i], TOKEN_FAILED);
        run_for(100 * 1000);
        check_int(starts(), 3); /* one for each */
        rig_end();

        rig_start("crash-second", NULL, 0);
        for (unsigned i = 0; i < 3; i++)
                (void) ask();
        run_until(3);
        check_int(rig.status[0], TOKEN_OK);
        check_int(rig.status[1], TOKEN_FAILED);
        check_int(rig.status[2], TOKEN_OK);
        check_int(starts(), 2);
        rig_end();
}

static void test_no_program(void) {
        SignerSettings settings = { .program = "/nonexistent/signer" };

        rig_start("answer", NULL, 0);
        rig.signer = signer_free(rig.signer);
        check_int(signer_new(rig.event, &settings, &rig.signer), 0);
        (void) ask();
        (void) ask();
        run_until(2);
        check_int(rig.status[0], TOKEN_FAILED);
        check_int(rig.status[1], TOKEN_FAILED);
        rig_end();
}

static void test_nonsense(void) {
        rig_start("nonsense", NULL, 0);
        (void) ask();
        run_until(1);
        check_int(rig.status[0], TOKEN_FAILED);
        rig_end();

        /* An answer that nobody asked for: its sender goes, nobody gets it. */
        rig_start("twice", NULL, 0);
        (void) ask();
        run_until(1);
        check_int(rig.status[0], TOKEN_OK);
        run_for(100 * 1000);
        (void) ask();
        run_until(2);
        check_int(rig.status[1], TOKEN_OK);
        check(rig.pid[0] != rig.pid[1]);
        rig_end();
}

static void test_free_with_work(void) {
        rig_start("hang", NULL, 0);
        for (unsigned i = 0; i < 100; i++)
                (void) ask();
        run_for(50 * 1000);
        rig_end();
        check_int(rig.n_done, 0);
}

/* --- Inside a completion --- */

static void on_done_free(const TokenResult *result, void *userdata) {
        check_int(result->status, TOKEN_OK);
        rig.signer = signer_free(rig.signer);
        signer_forget(userdata ? *(SignerRequest **) userdata : NULL);
        rig.n_done++;
}

static void on_done_ask(const TokenResult *result, void *userdata) {
        rig.n_done++;
        (void) ask();
}

static void test_inside(void) {
        SignerRequest *request;
        TokenOperation o = operation(0);

        rig_start("answer", NULL, 0);
        check_int(signer_submit(rig.signer, 0, &o, on_done_ask, NULL, &request), 0);
        run_until(2);
        check_int(rig.status[0], TOKEN_OK);
        check_int(signer_submit(rig.signer, 0, &o, on_done_free, &request, &request), 0);
        run_until(3);
        rig_end();
}

/* --- A unit's socket --- */

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        TokenOperation o;

        if (rig.refuse_answers > 0 || !receive(fd, &o)) {
                rig.refuse_answers -= rig.refuse_answers > 0;
                (void) close(fd);
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        } else
                answer(fd, &o);
        return 0;
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        check(peer >= 0);
        (*(unsigned *) userdata)++;
        check(sd_event_add_io(rig.event, NULL, peer, EPOLLIN, on_connection, NULL) >= 0);
        return 0;
}

static void test_socket(void) {
        char dir[] = "/tmp/test-signer.XXXXXX";
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        unsigned connections = 0;

        check(mkdtemp(dir));
        check(snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/socket", dir) > 0);
        rig_start("answer", sa.sun_path, 0);
        (void) ask();
        run_until(1);
        check_int(rig.status[0], TOKEN_FAILED); /* nobody listens, and no child is started instead */

        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        check_int(bind(fd, (const struct sockaddr *) &sa, sizeof(sa)), 0);
        check_int(listen(fd, 8), 0);
        check(sd_event_add_io(rig.event, NULL, fd, EPOLLIN, on_listener, &connections) >= 0);
        (void) ask();
        run_until(2);
        check_int(rig.status[1], TOKEN_OK);
        check_int(connections, 1);

        /* It went, maybe idle: once more with a new one. */
        rig.refuse_answers = 1;
        (void) ask();
        run_until(3);
        check_int(rig.status[2], TOKEN_OK);
        check_int(connections, 2);

        /* The new one goes, too: no idle end. */
        rig.refuse_answers = 2;
        (void) ask();
        (void) ask();
        run_until(5);
        check_int(rig.status[3], TOKEN_FAILED);
        check_int(rig.status[4], TOKEN_OK);
        check_int(connections, 4);
        check_int(starts(), 0);

        rig_end();
        (void) close(fd);
        (void) unlink(sa.sun_path);
        (void) rmdir(dir);
}

int main(int argc, char **argv) {
        if (argc == 3)
                return strcmp(argv[1], "--state-dir") == 0 ? child_main(argv[2]) : 99;

        test_order();
        test_not_an_operation();
        test_turns();
        test_busy();
        test_forget();
        test_timeout();
        test_forgotten_timeout();
        test_timeout_of_helper();
        test_status();
        test_idle_end();
        test_crash();
        test_no_program();
        test_nonsense();
        test_free_with_work();
        test_inside();
        test_socket();
        return EXIT_SUCCESS;
}
