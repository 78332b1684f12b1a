-- Where the iterations of a job stand.
SELECT checkpoint FROM jobs WHERE id = :id
