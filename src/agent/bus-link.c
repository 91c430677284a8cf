/* SPDX-License-Identifier: MIT */
#include "agent/bus-link.h"

#include "shared/names.h"

struct BusLink {
        Agent *agent;
        Renewal *renewal;
        AgentBus *service; /* NULL: no bus */
        BusConnection *connection;
};

static int offer(sd_bus *bus, void *userdata) {
        BusLink *l = userdata;

        return agent_bus_new(bus, l->agent, l->renewal, &l->service);
}

static void withdraw(void *userdata) {
        BusLink *l = userdata;

        if (l->service)
                l->service = agent_bus_free(l->service);
}

BusLink *bus_link_free(BusLink *l) {
        if (!l)
                return NULL;
        (void) bus_connection_free(l->connection);
        free(l);
        return NULL;
}

bool bus_link_has_work(const BusLink *l) {
        return l->service && agent_bus_has_work(l->service);
}

void bus_link_leave(BusLink *l, void (*left)(void *userdata), void *userdata) {
        bus_connection_leave(l->connection, left, userdata);
}

int bus_link_new(sd_event *event, Agent *agent, Renewal *renewal, BusLink **ret) {
        static const BusService service = {
                .name = ATTEZT_AGENT_BUS_NAME,
                .otherwise = "the PKCS#11 socket is served",
                .offer = offer,
                .withdraw = withdraw,
        };
        _cleanup_(bus_link_freep) BusLink *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->agent = agent;
        l->renewal = renewal;
        int r = bus_connection_new(event, &service, l, &l->connection);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}
