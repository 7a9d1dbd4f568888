/* What belongs to this rank on its node: its part of the cores that all ranks here may use
 * together (mpirun's default binding gives each rank one core), and of the memory. */
#include "farm_private.h"

#include <unistd.h>

#define MEMORY_SHARE 0.85 /* of the node's memory, for all executors together */

void gf_farm_take_share(cpu_set_t *share, int *threads, const cpu_set_t *all, int rank, int size)
{
    int count = CPU_COUNT(all), place = 0;
    int first = (int)((long)count * rank / size), end = (int)((long)count * (rank + 1) / size);
    *threads = end > first ? end - first : 1;
    *share = *all;
    if (size > count) return; /* bound to one core, two could meet there while another idles */
    CPU_ZERO(share);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, all)) continue;
        if (place >= first && place < end) CPU_SET(cpu, share);
        place++;
    }
}

void gf_farm_share_node(gf_worker *worker, const gf_transport *transport)
{
    cpu_set_t all;
    int rank, size;
    gf_transport_node(transport, &all, &rank, &size);
    gf_farm_take_share(&worker->cores, &worker->threads, &all, rank, size);
    worker->node_ranks = size;
    worker->node_cores = CPU_COUNT(&all);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    worker->memory_share = (int64_t)(MEMORY_SHARE * memory / size);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (rank == 0 && CPU_COUNT(&all) < online)
        gf_log(GF_WARN, "farm",
               "%s: %d of %ld cores are in use: the ranks are bound to these; give mpirun "
               "--bind-to none for all",
               worker->host, CPU_COUNT(&all), online);
}
